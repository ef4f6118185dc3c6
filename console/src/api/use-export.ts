import { useEffect, useRef, useState } from 'preact/hooks';
import { type Problem, problemOf } from '../state/problem.js';
import { type Format, mayRunAgain, tableFor } from '../state/sql/export-text.js';
import { FileText } from '../state/sql/file-text.js';
import type { Reading } from '../state/sql/reading.js';
import type { ResultSet } from '../state/sql/script-run.js';
import { useSession } from './session.js';

export interface Exporting {
  /** Rows that were written so far; null = nothing is being exported. */
  readonly rows: number | null;
  readonly problem: Problem | null;
  /** Resolves with the parts of the file; null = it was cancelled, or failed. */
  run(format: Format, source: ExportSource): Promise<readonly string[] | null>;
  cancel(): void;
}

export interface ExportSource {
  readonly set: ResultSet;
  readonly sql: string;
  readonly reading: Reading;
}

/** The rows that the page has; where it has kept a part of them, the statement is run again and all of them are written. */
export function useExport(): Exporting {
  const { api, onProblem } = useSession();
  const [rows, setRows] = useState<number | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const run = async (format: Format, { set, sql, reading }: ExportSource) => {
    const file = new FileText(format, tableFor(sql));
    setProblem(null);
    if (!set.isCut || !mayRunAgain(sql)) {
      file.add(set.columns, set.rows);
      return file.end();
    }
    const abort = new AbortController();
    running.current = abort;
    setRows(0);
    const timer = setInterval(() => setRows(file.rows), 200);
    try {
      const stream = api.statements.script([sql], reading, abort.signal);
      for await (const batch of stream) if (batch.set === 0) file.add(batch.columns, batch.rows);
      return file.end();
    } catch (error) {
      const failure = problemOf(error);
      onProblem(failure);
      if (failure.code !== 'ABORTED') setProblem(failure);
      return null;
    } finally {
      clearInterval(timer);
      setRows(null);
    }
  };
  return { rows, problem, run, cancel: () => running.current?.abort() };
}

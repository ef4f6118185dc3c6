import { useEffect, useRef, useState } from 'preact/hooks';
import { type Problem, problemOf } from '../state/problem.js';
import { type Format, mayRunAgain, tableFor } from '../state/sql/export-text.js';
import { FileText } from '../state/sql/file-text.js';
import type { Reading } from '../state/sql/reading.js';
import type { Values } from '../state/sql/row-store.js';
import type { ResultSet } from '../state/sql/script-run.js';
import { useSession } from './session.js';
import { breather } from './waiting.js';

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
    const abort = new AbortController();
    const { signal } = abort;
    const breathe = breather();
    running.current = abort;
    setRows(0);
    const timer = setInterval(() => setRows(file.rows), 200);
    try {
      if (!set.isCut || !mayRunAgain(sql)) {
        file.add(set.columns, []);
        for (const some of inSlices(set.rows)) {
          file.add(set.columns, some);
          await breathe();
          if (signal.aborted) return null;
        }
        return file.end();
      }
      const stream = api.statements.script([sql], reading, signal);
      for await (const batch of stream) {
        if (batch.set === 0) file.add(batch.columns, batch.rows);
        await breathe();
      }
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

/** The page draws between two of them. */
const SLICE_ROWS = 2_000;

function* inSlices(rows: Iterable<Values>): Generator<readonly Values[]> {
  let slice: Values[] = [];
  for (const row of rows) {
    slice.push(row);
    if (slice.length < SLICE_ROWS) continue;
    yield slice;
    slice = [];
  }
  yield slice;
}

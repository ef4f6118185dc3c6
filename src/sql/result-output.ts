/** Where the results of one request go: collected for one answer (ResultBuilder), or told line by line (NdjsonOutput). */
import type { ApiError } from '../api/api-error.js';
import type { ResultSink } from '../mysql-client/answers.js';
import type { Connection } from '../mysql-client/connection.js';

export type ResultEnd = Parameters<ResultSink['end']>[0];

export interface ResultOutput extends ResultSink {
  /** Why the rows could not be given (an unsafe bigint, equal names); the statement itself went on. */
  readonly failure: ApiError | null;
  /** Why no more rows are taken: the answer or all answers of the node are too large. Null: all is well. */
  readonly tooLarge: ApiError | null;
  /** Called once, when it becomes too large. */
  onTooLarge: (() => void) | null;
  /** Complete results. */
  readonly resultCount: number;
  readonly rowCount: number;
  readonly affectedRows: number;
  /** Server status with the last complete result (see STATUS). */
  readonly status: number;
  /** Called before each statement; `statement` is said with its results when the request has several. */
  begin(statement: number | null): void;
  /** Whether rows are told while their statement still runs. */
  readonly tellsEarly: boolean;
  /** Forgets all results, because the statements are run again. False: some were told already. */
  restart(): boolean;
  /** The session that delivers the rows, so that a slow reader can pause it. Null: all rows have come. */
  source(connection: Connection | null): void;
}

/** What is said of a result beside its columns and rows. */
export function summaryText(result: ResultEnd, rowCount: number, startedAt: number): string {
  const insertId = result.insertId === 0n ? 'null' : `"${result.insertId}"`;
  const durationMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
  return (
    `"rowCount":${rowCount},"affectedRows":${result.affectedRows},"insertId":${insertId},` +
    `"warnings":${result.warnings},"durationMs":${durationMs}`
  );
}

/** Builds a statement's result from the node's answer. Pure. */
import type { SqlResult } from './api.js';
import { SkeinError } from './error.js';
import type { Result } from './options.js';

/**
 * One result for one statement. A procedure gives several: `rows` are those of its first result set, `resultSets` are all
 * of them, and the counts are those of its end.
 * @throws SkeinError BAD_ANSWER
 */
export function mainResult<R>(results: readonly SqlResult[]): Result<R> {
  const last = results.at(-1);
  if (!last) throw new SkeinError('BAD_ANSWER', 'The answer has no result.', { applied: 'unknown' });
  const resultSets = results.filter(({ columns }) => columns.length > 0);
  const { columns, rows, rowCount } = resultSets[0] ?? last;
  const { affectedRows, insertId, warnings, durationMs } = last;
  return {
    columns,
    rows: rows as R[],
    rowCount,
    affectedRows,
    insertId,
    warnings,
    durationMs,
    resultSets: resultSets.map((set) => ({ columns: set.columns, rows: set.rows as R[] })),
  };
}

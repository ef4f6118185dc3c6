/** What became of a statement, in a line. Pure. */

import { bytes, count, counted, duration } from '../text.js';
import { servedText } from './reading.js';
import { BYTES_MAX, ROWS_MAX } from './row-store.js';
import type { RunLook, StatementLook } from './script-run.js';

const STATES: Readonly<Record<StatementLook['state'], string>> = {
  waiting: 'Waits for those before it.',
  running: 'Running ...',
  done: 'Done.',
  failed: 'It failed.',
  cancelled: 'Cancelled. If it changes something, that may be done all the same.',
  skipped: 'It was not run, because the one before it did not end well.',
};

export function summaryText(statement: StatementLook, { served }: RunLook): string {
  const { state, sets, results } = statement;
  const rows = sets.reduce((sum, set) => sum + set.count, 0);
  const [last] = results.slice(-1);
  if (last === undefined) {
    if (sets.length === 0) return STATES[state];
    const more = { running: ['so far'], cancelled: ['Cancelled. The rows that had come are shown.'] };
    return [counted(rows, 'row'), ...(state === 'running' || state === 'cancelled' ? more[state] : [])].join(
      ' · ',
    );
  }
  const did =
    sets.length > 0
      ? counted(
          results.reduce((sum, { rowCount }) => sum + rowCount, 0),
          'row',
        )
      : `${count(last.affectedRows)} affected${last.insertId ? `, insert id ${last.insertId}` : ''}`;
  const warnings = results.reduce((sum, one) => sum + one.warnings, 0);
  return [
    did,
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
    duration(results.reduce((sum, { durationMs }) => sum + durationMs, 0)),
    ...(served ? [servedText(served), `position ${served.position}`] : []),
  ].join(' · ');
}

/** Why not all rows are shown; null = they are. */
export function cutText({ sets }: StatementLook): string | null {
  const cut = sets.find(({ isCut }) => isCut);
  if (cut === undefined) return null;
  return `The page keeps ${count(ROWS_MAX)} rows or ${bytes(BYTES_MAX)} of a result at most. It has stopped after ${counted(cut.count, 'row')}. An export runs the statement again and writes all of them.`;
}

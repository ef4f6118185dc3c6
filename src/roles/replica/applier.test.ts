import { expect, it } from 'vitest';
import type { ApplierWorker, ReplicaThreads } from '../local-server.js';
import { Applier } from './applier.js';

const RUNNING: ReplicaThreads = {
  ioRunning: true,
  sqlRunning: true,
  lastIoErrno: 0,
  lastIoError: '',
  lastSqlErrno: 0,
  lastSqlError: '',
};

const worker = (state: string, more: Partial<ApplierWorker> = {}): ApplierWorker => ({
  id: 1,
  state,
  statement: '',
  waitsForLock: false,
  ...more,
});

const PRIOR = worker('Waiting for prior transaction to commit');
const IDLE = worker('Waiting for work from SQL thread');
/** State of the coordinator that has distributed all transactions. */
const READ_ALL = worker('Slave has read all relay log; waiting for more updates');
const LOCKED = worker('Update_rows_log_event::find_row(-1)', { waitsForLock: true });

/** Views every second of a server that has applied 5 of 9, with the same workers. */
function standing(workers: readonly ApplierWorker[], seconds: number, threads = RUNNING) {
  const applier = new Applier({ stallAfterMs: 10_000 });
  let view = applier.view({ threads, applied: 5, committed: 9, workers, nowMs: 0 });
  for (let s = 1; s <= seconds; s++)
    view = applier.view({ threads, applied: 5, committed: 9, workers, nowMs: 1000 * s });
  return view;
}

it.each<[string, readonly ApplierWorker[], number, string]>([
  ['all wait for each other', [PRIOR, LOCKED, IDLE], 20, 'stalled'],
  ['a reader holds a table', [worker('Waiting for table metadata lock'), READ_ALL], 20, 'stalled'],
  ['all wait, for a moment', [PRIOR, LOCKED], 8, 'running'],
  [
    'one works, the others wait for it',
    [PRIOR, worker('Update_rows_log_event::find_row(-1)')],
    60,
    'running',
  ],
  ['one alters a large table', [worker('altering table')], 600, 'running'],
  ['the last has just ended', [IDLE, worker('')], 60, 'running'],
])('%s', (_name, workers, seconds, state) => {
  expect(standing(workers, seconds).state).toBe(state);
});

it('names waiting workers, and a worker with a long transaction', () => {
  expect(standing([PRIOR, LOCKED], 20).reason).toMatch(
    /applied nothing for 20 s, and every worker waits \(Waiting for prior transaction to commit; Update_rows/,
  );
  const long = worker('Delete_rows_log_event::find_row(-1)', { statement: 'DELETE\n  FROM t' });
  expect(standing([long], 30).reason).toMatch(/for 30 s \(Delete_rows.*: DELETE FROM t\)/);
  expect(standing([IDLE], 30).reason).toBeNull();
});

it('is stopped, with the error, when a thread has ended, but not while the IO thread retries', () => {
  const broken = { ...RUNNING, sqlRunning: false, lastSqlErrno: 1062, lastSqlError: 'Duplicate entry' };
  expect(standing([], 1, broken)).toEqual({
    state: 'stopped',
    reason: 'The server stopped applying: Duplicate entry (1062).',
  });
  const retrying = { ...RUNNING, lastIoErrno: 2003, lastIoError: 'can not connect' };
  expect(standing([], 1, retrying)).toMatchObject({
    state: 'running',
    reason: expect.stringContaining('2003'),
  });
  expect(standing([], 1, { ...retrying, ioRunning: false }).state).toBe('stopped');
});

it('counts the time again from each applied transaction', () => {
  const applier = new Applier({ stallAfterMs: 10_000 });
  const at = (seconds: number, applied: number, committed = 9) =>
    applier.view({ threads: RUNNING, applied, committed, workers: [PRIOR], nowMs: 1000 * seconds }).state;
  expect([at(0, 5), at(3, 5), at(14, 5)]).toEqual(['running', 'running', 'stalled']);
  expect([at(15, 6), at(26, 6), at(40, 6)]).toEqual(['running', 'running', 'stalled']);
  expect([at(41, 9), at(100, 9), at(101, 9, 12)]).toEqual(['running', 'running', 'running']);
});

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import type { SqlRow, SqlSession } from '../../verify/sql-session.js';
import { VerifyResponder } from './verify-responder.js';

/** The calls of the gate, and a server at the position that the test sets. */
function desk({ standsAt = '0-1-10', applied = true }: { standsAt?: string; applied?: boolean } = {}) {
  const told: string[] = [];
  const session: SqlSession = {
    run: async () => {},
    queryRows: async (sql): Promise<SqlRow[]> => (sql.includes('gtid_slave_pos') ? [{ gtid: standsAt }] : []),
    destroy: () => void told.push('session ends'),
  };
  const made = new VerifyResponder({
    control: () => ({ session: async () => session, waitApplied: async () => applied }),
    sql: mariadb.sql,
    gate: {
      hold: () => {
        told.push('hold');
        return 8;
      },
      holdAt: (ordinal) => void told.push(`at ${ordinal}`),
      letGo: () => void told.push('let go'),
    },
  });
  return { made, told };
}

const place = { ordinal: 10, gtid: '0-1-10' };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('holds, continues up to the position, and ends the hold when the snapshot is open', async () => {
  const { made, told } = desk();
  expect((await made.answer({ id: 1, what: { kind: 'hold' } })).what).toEqual({ kind: 'held', released: 8 });
  const { what } = await made.answer({ id: 2, what: { kind: 'open', place } });
  expect(what.kind).toBe('opened');
  expect(told).toEqual(['let go', 'hold', 'at 10', 'let go']);
});

it('ends the hold when the primary names no position in time', async () => {
  const { made, told } = desk();
  await made.answer({ id: 1, what: { kind: 'hold' } });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(told.at(-1)).toBe('let go');
  const { what } = await made.answer({ id: 2, what: { kind: 'open', place } });
  expect(what).toMatchObject({ kind: 'failed', reason: expect.stringContaining('no position') });
});

it('ends the hold when the server is not exactly at the position', async () => {
  const { made, told } = desk({ standsAt: '0-1-11' });
  await made.answer({ id: 1, what: { kind: 'hold' } });
  const { what } = await made.answer({ id: 2, what: { kind: 'open', place } });
  expect(what).toMatchObject({ kind: 'failed', reason: 'The server is at 0-1-11, and not at 0-1-10.' });
  expect(told.slice(-2)).toEqual(['let go', 'session ends']);
});

it('ends the hold when the server does not reach the position', async () => {
  const { made, told } = desk({ applied: false });
  await made.answer({ id: 1, what: { kind: 'hold' } });
  const answer = made.answer({ id: 2, what: { kind: 'open', place } });
  await vi.advanceTimersByTimeAsync(11_000);
  expect((await answer).what).toMatchObject({ kind: 'failed', reason: expect.stringContaining('0-1-10') });
  expect(told).toContain('let go');
});

it('closes a snapshot that the primary has left open', async () => {
  const { made, told } = desk();
  await made.answer({ id: 1, what: { kind: 'hold' } });
  await made.answer({ id: 2, what: { kind: 'open', place } });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told.at(-1)).toBe('session ends');
  const { what } = await made.answer({
    id: 3,
    what: { kind: 'chunk', table: { schema: 'a', name: 'b' }, range: { after: null, upTo: null } },
  });
  expect(what).toMatchObject({ kind: 'failed', reason: 'The snapshot was closed.' });
});

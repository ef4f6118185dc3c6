import { expect, it } from 'vitest';
import { silentLogger } from '../std/logger.js';
import type { TokenRecord } from './system-schema.js';
import { TokenStore } from './token-store.js';

const record = (change: Partial<TokenRecord>): TokenRecord => ({
  id: 'tok_1',
  name: 'one',
  role: 'read',
  hash: 'b'.repeat(64),
  createdAt: '2026-01-01T00:00:00Z',
  expiresAt: null,
  rateLimit: null,
  previous: null,
  ...change,
});
const OLD = 'a'.repeat(64);
const NEW = 'b'.repeat(64);
const NOW = Date.parse('2026-06-01T00:00:00Z');
const [BEFORE, LATER] = ['2026-05-31T23:59:59Z', '2026-06-01T00:00:01Z'];

it.each([
  ['goes on', [record({})], NEW, null],
  ['was revoked', [], NEW, 'the token was revoked'],
  ['another one is there', [record({ id: 'tok_2', hash: OLD })], NEW, 'the token was revoked'],
  ['has expired', [record({ expiresAt: BEFORE })], NEW, 'the token has expired'],
  ['expires later', [record({ expiresAt: LATER })], NEW, null],
  ['was rotated at once', [record({})], OLD, 'the token was rotated'],
  ['was rotated, and its grace time runs', [record({ previous: { hash: OLD, until: LATER } })], OLD, null],
  [
    'its grace time is over',
    [record({ previous: { hash: OLD, until: BEFORE } })],
    OLD,
    'the token was rotated',
  ],
])('a token that is in use: %s', async (_, records, hash, reason) => {
  const store = new TokenStore({}, { load: async () => records, log: silentLogger, now: () => NOW });
  expect(store.refusal('tok_1', hash)).toBe(null);
  let refreshed = 0;
  store.onRefresh.on(() => refreshed++);
  await store.refresh();
  expect([store.refusal('tok_1', hash), refreshed]).toEqual([reason, 1]);
});

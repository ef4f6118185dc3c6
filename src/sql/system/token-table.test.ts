import { expect, it } from 'vitest';
import { TokenTable } from './token-table.js';

const load = (rows: Record<string, string | null>[], isReady: boolean) => {
  const query = async (sql: string) => (sql.includes('information_schema') ? [{ found: '1' }] : rows);
  const write = async () => null;
  return new TokenTable({ table: { reader: { query }, isReady, write } }).load();
};

it('a replica that catches up from the beginning has an empty table for a moment, in which any token may be valid', async () => {
  expect(await load([], false)).toBeNull();
  expect(await load([], true)).toEqual([]);
  expect(await load([{ id: 'tok_1', role: 'admin', expires_at: null }], false)).toMatchObject([
    { id: 'tok_1' },
  ]);
});

import { expect, it } from 'vitest';
import { KeptStatements } from './kept-statements.js';

const statement = (sql: string, database: string | null = null, id = 1) => ({
  sql,
  database,
  id,
  parameterCount: 0,
  columns: [],
  confirmed: false,
});

it('keeps a statement with the database in which it was prepared', () => {
  const kept = new KeptStatements();
  expect(kept.keep(statement('a', 'd', 1))).toEqual([]);
  expect([kept.has('a', 'd'), kept.has('a', null), kept.has('b', 'd')]).toEqual([true, false, false]);
  expect([kept.use('a', 'd')?.id, kept.use('a', 'e')]).toEqual([1, null]);
  expect(kept.keep(statement('a', 'e', 2)).map(({ id }) => id)).toEqual([1]);
  expect([kept.size, kept.use('a', 'e')?.id]).toEqual([1, 2]);
  kept.clear();
  expect([kept.size, kept.use('a', 'e')]).toEqual([0, null]);
});

it('gives up the one that was used longest ago', () => {
  const kept = new KeptStatements();
  for (let i = 0; i < 16; i++) expect(kept.keep(statement(`s${i}`))).toEqual([]);
  kept.use('s0', null);
  expect(kept.keep(statement('new')).map(({ sql }) => sql)).toEqual(['s1']);
  expect([kept.size, kept.has('s0', null), kept.has('s1', null)]).toEqual([16, true, false]);
});

import { expect, it } from 'vitest';
import { found, mayHoldSecret, type PastStatement, readPast, withStatement } from './past-statements.js';

const past = (sql: string, database = ''): PastStatement => ({
  sql,
  database,
  at: '2026-11-28T10:00:00.000Z',
});

it('the newest is the first, and none is there twice', () => {
  const all = ['a', 'b', 'a'].reduce<readonly PastStatement[]>(
    (old, sql) => withStatement(old, past(sql)),
    [],
  );
  expect(all.map(({ sql }) => sql)).toEqual(['a', 'b']);
  expect(withStatement(all, past('a', 'shop')).length).toBe(3);
  expect(withStatement(all, past('  ')).length).toBe(2);
});

it('200 are kept', () => {
  let all: readonly PastStatement[] = [];
  for (let at = 0; at < 250; at++) all = withStatement(all, past(`SELECT ${at}`));
  expect(all.length).toBe(200);
  expect(all[0]?.sql).toBe('SELECT 249');
});

it.each([
  "CREATE USER a IDENTIFIED BY 'secret'",
  "create user a identified  with ed25519 using password('x')",
  "SET PASSWORD FOR a = PASSWORD('secret')",
  "GRANT ALL ON *.* TO a\nIDENTIFIED BY 'secret'",
  "CHANGE MASTER TO MASTER_PASSWORD='x', password = 'x'",
  "SELECT 'skein_abcdefgh'",
  "SELECT AES_DECRYPT(card, 'key') FROM cards",
])('what may hold a password is never kept: %s', (sql) => {
  expect(mayHoldSecret(sql)).toBe(true);
  expect(withStatement([], past(sql))).toEqual([]);
});

it('words are searched in the statement and its database', () => {
  const all = [past('SELECT item FROM orders', 'shop'), past('SELECT 1')];
  expect(found(all, 'ITEM shop')).toEqual([all[0]]);
  expect(found(all, '').length).toBe(2);
  expect(found(all, 'nothing')).toEqual([]);
});

it('what somebody else has written there counts as nothing', () => {
  expect(readPast(null)).toEqual([]);
  expect(readPast('{"a":1}')).toEqual([]);
  expect(readPast('[1,null,{"sql":1}]')).toEqual([]);
  expect(readPast('not JSON')).toEqual([]);
  expect(readPast(JSON.stringify([past('a')]))).toEqual([past('a')]);
});

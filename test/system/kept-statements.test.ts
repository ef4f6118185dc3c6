/**
 * What the server says about a statement that stays prepared. The node's HTTP sessions rely on it (src/sql/run-plain.ts): as
 * long as the server leaves the columns out, it executes the very statement that was prepared, with the same tables.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Connection } from '../../src/mysql-client/connection.js';
import { ServerError } from '../../src/mysql-client/replies.js';
import { LoneServer } from '../kit/lone-server.js';

let server: LoneServer;
let session: Connection;

beforeAll(async () => {
  server = await LoneServer.start();
  await server.unlogged(
    'CREATE DATABASE d',
    'CREATE FUNCTION d.f(x INT) RETURNS INT RETURN (SELECT x + IFNULL(@left, 0))',
  );
});
afterAll(async () => {
  session?.destroy();
  await server?.dispose();
});

const connect = () =>
  Connection.connect({
    address: { socketPath: server.donor.socketPath },
    user: 'skein_admin',
    password: server.password('skein_admin'),
    cacheMetadata: true,
  });

const TABLE = ['CREATE TABLE d.t (id INT PRIMARY KEY, v INT NOT NULL)', 'INSERT INTO d.t VALUES (1, 1)'];
const CHANGES: [string, string[]][] = [
  ['another column', ['ALTER TABLE d.t ADD COLUMN w INT']],
  ['another type', ['ALTER TABLE d.t MODIFY v BIGINT NOT NULL']],
  ['an index', ['ALTER TABLE d.t ADD KEY (v)']],
  ['a table that replaces it', ['RENAME TABLE d.t TO d.old', ...TABLE]],
  [
    'a view with the same columns',
    ['RENAME TABLE d.t TO d.old', 'CREATE VIEW d.t AS SELECT id, v FROM d.old'],
  ],
  [
    'a view with the same columns that calls a function',
    ['RENAME TABLE d.t TO d.old', 'CREATE VIEW d.t AS SELECT id, v FROM d.old WHERE d.f(1) = 1'],
  ],
  ['a comment', ["ALTER TABLE d.t COMMENT = 'x'"]],
];

it.each(CHANGES)('tells %s, and nothing else', async (_what, statements) => {
  await server.unlogged('DROP VIEW IF EXISTS d.t', 'DROP TABLE IF EXISTS d.t, d.old', ...TABLE);
  session = await connect();
  expect(session.tellsChanges).toBe(true);
  const prepared = await session.prepare('SELECT id, v FROM d.t WHERE id = ?');
  let rows = 0;
  const execute = () =>
    session.executeIfSame(prepared, [{ kind: 'integer', value: 1n }], {
      columns() {},
      row: () => rows++,
      end() {},
    });
  for (let i = 0; i < 3; i++) expect(await execute()).toBe(true);
  expect(rows).toBe(3);
  await server.unlogged('FLUSH TABLES');
  expect(await execute(), 'the table was only opened again').toBe(true);
  await server.unlogged(...statements);
  expect(await execute()).toBe(false);
  expect(rows).toBe(4);
  session.destroy();
});

it('tells also that a table has gone', async () => {
  await server.unlogged('DROP VIEW IF EXISTS d.t', 'DROP TABLE IF EXISTS d.t, d.old', ...TABLE);
  session = await connect();
  const prepared = await session.prepare('SELECT id FROM d.t');
  await server.unlogged('DROP TABLE d.t');
  const sink = { columns() {}, row() {}, end() {} };
  await expect(session.executeIfSame(prepared, [], sink)).rejects.toBeInstanceOf(ServerError);
});

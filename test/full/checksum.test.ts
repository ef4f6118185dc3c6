import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checksums } from '../kit/checksum.js';
import { LoneServer } from '../kit/lone-server.js';
import { run } from '../kit/sql-node.js';

/** The checker of all other tests: equal rows sum up to the same, other rows do not. */
let lone: LoneServer;
let connection: Connection;

beforeAll(async () => {
  lone = await LoneServer.start();
  connection = await lone.connect();
  // It is alone: nobody acknowledges its commits.
  await run(connection, 'SET GLOBAL rpl_semi_sync_master_enabled = 0');
  await run(connection, 'CREATE DATABASE d');
  await run(connection, 'USE d');
});

afterAll(async () => {
  connection?.destroy();
  await lone?.dispose();
});

const ROWS = 20;

async function sumsOf(...tables: string[]): Promise<(string | undefined)[]> {
  const names = tables.map((table) => `\`d\`.\`${table}\``);
  const sums = await checksums(connection, names);
  return names.map((name) => sums.get(name));
}

it.each([
  ['plain', 'a INT'],
  ['stored', 'a INT, s INT AS (a * 2) STORED'],
  ['stored_text', 'a INT, s TEXT AS (REPEAT(a, 10)) STORED'],
  ['stored_null', 'a INT, s INT AS (IF(a % 2, NULL, a)) STORED'],
  ['virtual', 'a INT, s INT AS (a * 2) VIRTUAL, KEY (s)'],
  ['mixed', 'a INT, v INT AS (a + 1) VIRTUAL, s INT AS (a * 2) STORED'],
])('%s: the same rows, whatever way they came there', async (name, columns) => {
  for (const table of [name, `${name}_too`])
    await run(connection, `CREATE TABLE ${table} (id INT PRIMARY KEY, ${columns})`);
  for (let id = 0; id < ROWS; id++)
    await run(connection, `INSERT INTO ${name} (id, a) VALUES (?, ?)`, [id, id]);
  await run(connection, `INSERT INTO ${name}_too (id, a) SELECT id, a FROM ${name} ORDER BY id DESC`);
  for (const disturbance of ['DO 1', 'FLUSH TABLES', `ALTER TABLE ${name} FORCE`, 'FLUSH TABLES']) {
    await run(connection, disturbance);
    const [sum, too] = await sumsOf(name, `${name}_too`);
    expect([disturbance, sum]).toEqual([disturbance, too]);
  }
  await run(connection, `UPDATE ${name} SET a = a + 2 WHERE id = 3`);
  const [changed, unchanged] = await sumsOf(name, `${name}_too`);
  expect(changed).not.toBe(unchanged);
});

it('a STORED column that holds something else on one side alone is found', async () => {
  for (const [table, factor] of [
    ['twice', 2],
    ['thrice', 3],
  ] as const) {
    await run(
      connection,
      `CREATE TABLE ${table} (id INT PRIMARY KEY, a INT, s INT AS (a * ${factor}) STORED)`,
    );
    await run(connection, `INSERT INTO ${table} (id, a) VALUES (1, 5)`);
  }
  const [twice, thrice] = await sumsOf('twice', 'thrice');
  expect(twice).not.toBe(thrice);
});

it('a FLOAT that differs in its seventh digit is another value', async () => {
  for (const [table, value] of [
    ['f1', 1.234567],
    ['f2', 1.234568],
  ] as const) {
    await run(connection, `CREATE TABLE ${table} (id INT PRIMARY KEY, f FLOAT, v INT AS (id + 1) VIRTUAL)`);
    await run(connection, `INSERT INTO ${table} (id, f) VALUES (1, ?)`, [value]);
  }
  const [one, other] = await sumsOf('f1', 'f2');
  expect(one).not.toBe(other);
});

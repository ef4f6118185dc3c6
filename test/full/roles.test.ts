import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Chain } from '../../src/model/chain.js';
import { checksumAtRest } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { openThrough } from '../kit/role-writers.js';
import { rowsOf, scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** A node changes its role while it runs, by a switchover: nothing of the old role stays behind. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createLedger(cluster);
});

afterAll(() => cluster?.dispose());

const chainOf = async (node: TestNode): Promise<Chain> =>
  JSON.parse(await readFile(join(node.directory, 'state', 'chain.json'), 'utf8'));

const nodes = () => [cluster.node('n1'), cluster.node('n2')] as const;

it('a role that ends leaves no session behind, and its server is a replica’s', async () => {
  const [n1, n2] = nodes();
  const app = await openThrough(cluster, n1, LEDGER_DATABASE);
  const direct = await n1.connectAs('skein_write', { database: LEDGER_DATABASE });
  direct.on('error', () => {});
  await app.query('INSERT INTO ledger (client, seq, note) VALUES (0, 1, "<sql 0/1>")');
  await direct.query('START TRANSACTION');
  await direct.query('INSERT INTO ledger (client, seq, note) VALUES (0, 2, "never")');
  const before = await withSql(n1, (connection) =>
    rowsOf(connection, 'SELECT @@server_id AS id, @@gtid_binlog_pos AS gtid'),
  );

  await cluster.makePrimary('n2');

  await expect(app.query('SELECT 1')).rejects.toThrow();
  await expect(direct.query('COMMIT')).rejects.toThrow();
  const stateOf = () =>
    withSql(n1, (connection) =>
      rowsOf(
        connection,
        `SELECT @@server_id AS id, @@read_only AS readOnly, @@event_scheduler AS events,
          @@rpl_semi_sync_master_enabled AS semiSync, @@innodb_strict_mode AS strict`,
      ),
    );
  // It hands over first, and becomes a replica then.
  await until('the server of n1 is a replica’s', async () => {
    const [state] = await stateOf();
    expect(state).toMatchObject({ readOnly: '1', events: 'OFF', semiSync: '0', strict: '0' });
    return Number(state?.id) >= 2_000_000_000 && state?.id !== before[0]?.id;
  });
  // The new primary writes under an id of its own epoch, and its history goes on where the old one ended.
  const other = await openThrough(cluster, n1, LEDGER_DATABASE);
  await other.query('INSERT INTO ledger (client, seq, note) VALUES (0, 3, "<sql 0/3>")');
  await other.end();
  const gtid = (await withSql(n2, (connection) => scalarOf(connection, 'SELECT @@gtid_binlog_pos'))) ?? '';
  expect(gtid.split('-')[1]).toBe(String(1_000_000 + ((await chainOf(n2)).at(-1)?.epoch ?? 0)));
  await checksumAtRest(n2, [n1, cluster.node('n3')]);
  expect(await n2.rows(`SELECT seq FROM ${LEDGER_DATABASE}.ledger ORDER BY seq`)).toEqual([[1], [3]]);

  await cluster.makePrimary('n1');
  await n1.sql(`DELETE FROM ${LEDGER_DATABASE}.ledger`);
});

it('events do not run on two nodes, and those that sleep on the next primary are named', async () => {
  const [n1, n2] = nodes();
  const app = await openThrough(cluster, n1, LEDGER_DATABASE);
  await app.query('CREATE TABLE ticks (id INT AUTO_INCREMENT PRIMARY KEY, server BIGINT NOT NULL)');
  await app.query(
    'CREATE EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticks (server) VALUES (@@global.server_id)',
  );
  const ticks = async (node: TestNode) =>
    (await node.rows(`SELECT DISTINCT server FROM ${LEDGER_DATABASE}.ticks`)).map(([server]) =>
      String(server),
    );
  const asleep = async (node: TestNode) =>
    (await node.cluster()).warnings.some(
      (text) => text.includes('Events do not run') && text.includes('tick'),
    );
  const idOf = (node: TestNode) => withSql(node, (connection) => scalarOf(connection, 'SELECT @@server_id'));
  const first = await idOf(n1);
  await until('it runs on n1', async () => (await ticks(n1)).length > 0);
  expect(await asleep(n1)).toBe(false);

  await cluster.makePrimary('n2');
  await until('n2 names the event', () => asleep(n2));
  expect(await ticks(n2)).toEqual([first]);
  const other = await openThrough(cluster, n2, LEDGER_DATABASE);
  await other.query('ALTER EVENT tick ENABLE');
  await until('it runs on n2', async () => (await ticks(n2)).length === 2);
  expect((await ticks(n2)).toSorted()).toEqual([first, await idOf(n2)].toSorted());
  await until('n2 names no event', async () => !(await asleep(n2)));
  for (const what of ['EVENT tick', 'TABLE ticks']) await other.query(`DROP ${what}`);
  await other.end();
  await cluster.makePrimary('n1');
});

it('a branch of XA that is prepared is committed on the next primary', async () => {
  const [n1, n2] = nodes();
  const app = await openThrough(cluster, n1, LEDGER_DATABASE);
  for (const sql of [
    "XA START 'moved'",
    "INSERT INTO ledger (client, seq, note) VALUES (0, 9, '<sql 0/9>')",
    "XA END 'moved'",
    "XA PREPARE 'moved'",
  ])
    await app.query(sql);
  app.destroy();
  await cluster.makePrimary('n2');
  const other = await openThrough(cluster, n2, LEDGER_DATABASE);
  await other.query("XA COMMIT 'moved'");
  await other.end();
  await checksumAtRest(n2, [n1, cluster.node('n3')]);
  expect(await n1.rows(`SELECT seq FROM ${LEDGER_DATABASE}.ledger`)).toEqual([[9]]);
  await cluster.makePrimary('n1');
  await n1.sql(`DELETE FROM ${LEDGER_DATABASE}.ledger`);
});

it('a node that was told of another primary says so, and passes clients on to it', async () => {
  const [n1, n2] = nodes();
  await cluster.makePrimary('n2');
  await until('n3 names n2', async () => (await cluster.node('n3').cluster()).primary === 'n2');
  // For a moment it passes on what comes to it, as to a primary that hands over, and for another one it knows of no primary.
  const answer = await until('n1 refuses a write', async () => {
    const sql = `DELETE FROM ${LEDGER_DATABASE}.ledger WHERE client = 99`;
    const given = await n1.request('POST', '/v1/sql', { sql });
    return given.status === 421 ? given : null;
  });
  expect([answer.status, answer.body.error?.code, answer.body.error?.primary]).toEqual([
    421,
    'NOT_PRIMARY',
    n2.url,
  ]);
  // What n1 shows of the others it has from n2, once it is attached.
  const roleOn = async (node: TestNode, member: string) =>
    (await node.cluster()).members.find(({ name }) => name === member)?.role;
  await until('n1 shows n2', async () => (await roleOn(n1, 'n2')) === 'primary');
  expect(await roleOn(n1, 'n1')).toBe('replica');
});

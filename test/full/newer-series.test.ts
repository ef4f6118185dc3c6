import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSkeinError } from '../../src/model/error.js';
import { obtainBackupPrograms } from '../../src/server-packages/backup-programs.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import type { ServerBinary } from '../../src/server-packages/server-binary.js';
import { silentLogger } from '../../src/std/logger.js';
import { checksumAtRest, checksumWhileWriting } from '../kit/checksum.js';
import { Ledger, type WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, expectWhole } from '../kit/kill-rounds.js';
import { startRoleWriters } from '../kit/role-writers.js';
import { stopInOrder, untilHealed } from '../kit/seeds.js';
import { scalarOf, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/** A cluster on MariaDB 11.8, which is fetched where the machine has none. All other tests run on what SKEIN_SERVER says. */

const SERVER = 'mariadb-11.8';
const OLDER = 'mariadb-10.11';

/** The server, or why it cannot be had here: no network, another distribution. */
async function obtained(server: string): Promise<ServerBinary | string> {
  try {
    const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
    return await obtainServer({ cacheDir, server }, { logger: silentLogger });
  } catch (error) {
    if (isSkeinError(error, 'OBTAIN_FAILED') || isSkeinError(error, 'SERVER_MISSING')) return error.message;
    throw error;
  }
}

const binary = await obtained(SERVER);
if (typeof binary === 'string') console.log(`skipped: ${binary}`);

describe.skipIf(typeof binary === 'string')(`a cluster on ${SERVER}`, () => {
  let cluster: TestCluster;
  let pool: WriterPool | undefined;
  const ledger = new Ledger();
  showLogsOnFailure(() => cluster);

  beforeAll(async () => {
    cluster = await TestCluster.start({ first: 2, settings: { server: SERVER } });
    await createLedger(cluster);
  });

  afterAll(async () => {
    await pool?.stop();
    await cluster?.dispose();
  });

  it('runs servers of that series, with the program that copies them beside', async () => {
    const { members } = await cluster.primary.cluster();
    expect(members.map(({ server }) => server.version)).toEqual(
      members.map(() => expect.stringMatching(/^11\.8\.\d+-MariaDB/)),
    );
    const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
    const server = binary as ServerBinary;
    const programs = await obtainBackupPrograms({ server, cacheDir }, { logger: silentLogger });
    expect(server.version.startsWith(`${programs.version}-`)).toBe(true);
  });

  it('writes and changes definitions, with the same outcome on all nodes', async () => {
    const { primary } = cluster;
    const n2 = cluster.node('n2');
    await primary.sql('CREATE DATABASE d');
    // The collation is the server's default for the character set, which differs from the one of 10.11.
    await primary.sql(
      'CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(20), v VECTOR(2), u UUID DEFAULT UUID()) CHARSET utf8mb4',
    );
    await primary.sql("INSERT INTO d.t (a, v) VALUES ('Goose', VEC_FromText('[1,2]')), ('żółw', NULL)");
    await primary.sql('ALTER TABLE d.t ADD COLUMN b INT NOT NULL DEFAULT 7, ADD INDEX (a)');
    await primary.sql('ALTER TABLE d.t PARTITION BY HASH (id) PARTITIONS 3');
    await primary.sql('CREATE TABLE d.c (PRIMARY KEY (id)) SELECT id, a, b FROM d.t');
    await primary.sql('UPDATE d.t SET b = b + id');
    await primary.sql('RENAME TABLE d.c TO d.e');
    await checksumAtRest(primary, [n2], { deadlineMs: 60_000 });
    for (const node of [primary, n2])
      expect(await withSql(node, (sql) => scalarOf(sql, "SELECT b FROM d.t WHERE a = 'Goose'"))).toBe('8');
  });

  it('takes in a third node, which gets its data from another one', async () => {
    await cluster.grow('n3');
    pool = startRoleWriters(cluster, ledger, { http: 2, mysql: 2 });
    // The new node may have got everything from the log.
    const { status } = await cluster.primary.request('POST', '/v1/nodes/n3/reseed');
    expect(status).toBe(202);
    const n3 = cluster.node('n3');
    await until(
      'n3 was filled',
      async () => /event="seed\.done"\} 1/.test((await n3.request('GET', '/metrics')).text),
      { deadlineMs: 120_000, context: () => n3.logs() },
    );
    await untilHealed(n3);
    await ledger.progress(30, 40_000, 'writes after the third node was filled');
    const primary = await cluster.untilPrimary();
    await checksumWhileWriting(primary, cluster.replicas);
  });

  it('replaces a primary that is lost, and takes it back', { timeout: 300_000 }, async () => {
    const lost = await cluster.untilPrimary();
    const { epoch } = await lost.cluster();
    await Promise.all([lost.kill('node'), lost.kill('server')]);
    await until('another primary is open', async () => {
      const found = await cluster.untilPrimary();
      return found !== lost && (await found.cluster()).epoch > epoch;
    });
    await ledger.progress(30, 40_000, 'writes after the loss');
    cluster.startNode(lost.name);
    await lost.untilReady(90_000);
    await pool?.stop();
    await expectWhole(cluster, ledger);
  });

  it('a node refuses to start an older series on its data', async (context) => {
    const older = await obtained(OLDER);
    if (typeof older === 'string') return context.skip(older);
    const [replica] = cluster.replicas;
    if (!replica) throw new Error('no replica');
    await stopInOrder(replica);
    const file = join(replica.directory, 'node.json');
    const settings = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...settings, server: OLDER }));
    cluster.startNode(replica.name);
    await until('the node says why', async () => (await replica.logs()).includes('SERVER_TOO_OLD'), {
      deadlineMs: 60_000,
      context: () => replica.logs(),
    });
    expect(await replica.runs('server')).toBe(false);
    // It ends by itself.
    await cluster.untilNodeEnded(replica.name);
    await writeFile(file, JSON.stringify({ ...settings, server: SERVER }));
    cluster.startNode(replica.name);
    await replica.untilReady(90_000);
  });
});

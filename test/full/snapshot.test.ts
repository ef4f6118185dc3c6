/** Snapshots of servers under load: taken, received, put in place, started; what is in them, and where they stand. */

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseMariadbGtid } from '../../src/flavour/mariadb/gtid.js';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { gtidIn } from '../kit/gtid.js';
import { LoneServer, positionAt } from '../kit/lone-server.js';
import {
  type Donor,
  drain,
  SeededServer,
  type SnapshotTools,
  snapshotTools,
  take,
} from '../kit/snapshots.js';
import { run, scalarOf, withSql } from '../kit/sql-node.js';
import { clusterSecret, type TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';
import { start, stillWaits, untilWaiting } from '../kit/waiting.js';

let cluster: TestCluster;
let tools: SnapshotTools;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  tools = await snapshotTools();
  cluster = await TestCluster.start({ patient: true });
  await cluster.primary.sql('CREATE DATABASE load_test');
  await cluster.primary.sql('CREATE TABLE load_test.rows (id INT PRIMARY KEY AUTO_INCREMENT, pad TEXT)');
  await cluster.primary.sql('CREATE TABLE load_test.counter (id INT PRIMARY KEY, n INT NOT NULL)');
  await cluster.primary.sql('INSERT INTO load_test.counter VALUES (1, 0)');
});

afterAll(() => cluster?.dispose());

async function donor(node: TestNode): Promise<Donor> {
  return {
    directory: node.directory,
    secret: clusterSecret(cluster.directory),
    socketPath: await node.socketPath(),
  };
}

const ordinalOf = (gtid: string) => parseMariadbGtid(gtid).sequence;
const logEnd = (node: TestNode) =>
  withSql(node, async (own) => (await scalarOf(own, 'SELECT @@global.gtid_binlog_pos')) ?? '');

/** Each transaction inserts one row and counts it: the number of rows is the number of transactions. */
class Load {
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  #before = 0;

  private constructor(before: number) {
    this.#before = before;
    this.#done = Promise.all([1, 2, 3, 4].map(() => this.#writer()));
  }

  static async start(): Promise<Load> {
    await cluster.primary.sql('DELETE FROM load_test.rows');
    await cluster.primary.sql('UPDATE load_test.counter SET n = 0');
    return new Load(ordinalOf(await logEnd(cluster.primary)));
  }

  async #writer(): Promise<void> {
    await withSql({ name: 'load', connect: () => cluster.primary.connectAs('skein_write') }, async (own) => {
      while (!this.#stop.signal.aborted) {
        await run(own, 'BEGIN');
        await run(own, 'UPDATE load_test.counter SET n = n + 1');
        await run(own, "INSERT INTO load_test.rows (pad) VALUES (REPEAT('x', 500))");
        await run(own, 'COMMIT');
      }
    });
  }

  /** How many rows a server has that stands exactly there. */
  rowsAt(gtid: string): string {
    return String(ordinalOf(gtid) - this.#before);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

const rowsOf = (server: SeededServer) =>
  withSql(server, async (own) => [
    await scalarOf(own, 'SELECT COUNT(*) FROM load_test.rows'),
    await scalarOf(own, 'SELECT n FROM load_test.counter'),
  ]);

describe.each([
  ['the primary', () => cluster.primary],
  ['a replica', () => cluster.node('n2')],
])('a snapshot of %s under load', (_what, node) => {
  it('holds exactly the transactions up to its position, and the next write follows it', async () => {
    const logBefore = await logEnd(node());
    const load = await Load.start();
    const seeded = await SeededServer.create(tools, clusterSecret(cluster.directory));
    try {
      await until('there is load', async () => ordinalOf(await logEnd(node())) > ordinalOf(logBefore) + 50);
      // Much time for the lock: a busy machine is slow with commits, which it waits for.
      const taking = await take(await donor(node()), { tools, lockTimeoutMs: 45_000 });
      const taken = await seeded.fill(taking);
      await load.stop();
      expect(ordinalOf(taken.gtid)).toBeGreaterThan(ordinalOf(logBefore) + 50);
      expect(taken.lockedMs, 'not for as long as it copies').toBeLessThan(taken.durationMs);
      await seeded.start();
      expect(await rowsOf(seeded)).toEqual([load.rowsAt(taken.gtid), load.rowsAt(taken.gtid)]);
      const { gtidBinlogPos, gtidSlavePos, readOnly } = await seeded.control.status();
      expect([gtidBinlogPos, gtidSlavePos, readOnly]).toEqual([taken.gtid, taken.gtid, true]);
      // Nothing was written to the donor's log for it: what it has is the cluster's.
      await until(
        'the replica has applied it all',
        async () => (await logEnd(cluster.node('n2'))) === (await logEnd(cluster.primary)),
      );

      // Rule H8: seeded, no traffic, promoted, first write.
      await seeded.control.openAsPrimary({ serverId: mariadb.epochServerId(9) });
      const next = gtidIn(9, ordinalOf(taken.gtid) + 1);
      // It waits for an acknowledgement, for there are no replicas.
      await start(seeded.connect(), "INSERT INTO load_test.rows (pad) VALUES ('after')");
      await until('it is logged', async () => (await seeded.control.status()).gtidBinlogPos === next);
    } finally {
      await load.stop();
      await seeded.dispose();
    }
  });
});

describe('a snapshot of a primary that has no quorum', () => {
  it('is given up soon, holds nothing up afterwards, and names what was logged under an earlier id', async () => {
    const server = await LoneServer.start();
    try {
      await server.unlogged('CREATE DATABASE t', 'CREATE TABLE t.t (id INT PRIMARY KEY)');
      const waiting = await start(
        server.connectAs('skein_write', { database: 't' }),
        'INSERT INTO t VALUES (1)',
      );
      await untilWaiting(server, waiting.id);
      const taking = await take(server.donor, { tools, lockTimeoutMs: 1_500 });
      void drain(taking);
      await expect(taking.done).rejects.toMatchObject({
        code: 'SNAPSHOT_LOCKED',
        data: { phase: 'BLOCK_COMMIT' },
      });
      expect(await stillWaits(waiting), 'its commit was not let go').toBe(true);
      await until(
        'the server has noticed that who asked for the lock is gone',
        async () =>
          (await server.ask(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'BACKUP STAGE%'",
          )) === '0',
      );
      // The lock is in no commit's way any more.
      const next = await start(
        server.connectAs('skein_write', { database: 't' }),
        'INSERT INTO t VALUES (2)',
      );
      const source = await server.dial(positionAt(0));
      source.acknowledge(2);
      expect([await waiting.done, await next.done]).toEqual(['OK', 'OK']);

      // A new epoch in which nothing was written yet: the server's gtid_current_pos does not know what its log has.
      await server.control.openAsPrimary({ serverId: mariadb.epochServerId(2) });
      expect(await server.ask('SELECT @@global.gtid_current_pos')).toBe('');
      const again = await take(server.donor, { tools });
      void drain(again);
      expect((await again.done).gtid).toBe(positionAt(2).gtid);
    } finally {
      await server.dispose();
    }
  });
});

describe('a received snapshot', () => {
  it('has nothing of the donor but its data, and leaves nothing behind', async () => {
    const seeded = await SeededServer.create(tools, clusterSecret(cluster.directory));
    try {
      await seeded.fill(await take(await donor(cluster.node('n3')), { tools }));
      const files = (await readdir(join(seeded.directory, 'data'), { withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => name);
      expect(files.sort()).toEqual(['aria_log.00000001', 'aria_log_control', 'ib_logfile0', 'ibdata1']);
      await seeded.start();
      expect(existsSync(join(seeded.directory, 'seed'))).toBe(false);
      const left = await readdir(cluster.node('n3').directory);
      expect(left.filter((name) => name.startsWith('snapshot'))).toEqual([]);
    } finally {
      await seeded.dispose();
    }
  });
});

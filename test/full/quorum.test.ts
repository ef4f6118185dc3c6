import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AcknowledgeLevel, MemberStatus } from '../../src/model/status.js';
import { checksumAtRest, waitApplied } from '../kit/checksum.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { memoryOf } from '../kit/processes.js';
import { isInSpool } from '../kit/spool-files.js';
import { rowsOf, run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';

/** Who waits for whom: acknowledge levels, lost majorities, and what is seen of it. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

async function start(acknowledge: AcknowledgeLevel): Promise<void> {
  // A small window and small segments, so that a replica is soon behind the window, and what it needs is only in the binary log.
  // Commits wait for replicas that stand still: longer than a second without them, and a primary serves nobody.
  cluster = await TestCluster.start({
    ...{ acknowledge, patient: true },
    settings: {
      hubWindowBytes: 1024 * 1024,
      spoolSegmentBytes: 1024 * 1024,
      annotateRows: acknowledge === 'all',
    },
  });
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
}

const count = async (node: TestNode, v: string): Promise<number> =>
  await withSql(node, async (connection) => {
    const [row] = await rowsOf(connection, 'SELECT COUNT(*) n FROM demo.t WHERE v = ?', [v]);
    return Number(row?.n);
  });

/** An INSERT that runs while the test goes on; `settled` tells whether it was answered. */
function insertMeanwhile(v: string): { settled: () => boolean; done: Promise<unknown> } {
  let settled = false;
  const done = withSql(cluster.primary, (connection) =>
    run(connection, 'INSERT INTO demo.t (v) VALUES (?)', [v]),
  ).finally(() => {
    settled = true;
  });
  done.catch(() => {});
  return { settled: () => settled, done };
}

/** Texts of statements beside the rows in the logs of the primary and of each replica, after one more INSERT. */
async function annotations(): Promise<boolean[]> {
  await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('annotated')");
  await waitApplied(cluster.primary, cluster.replicas);
  return Promise.all(
    cluster.nodes.map((node) =>
      withSql(node, async (connection) => {
        const log = (await rowsOf(connection, 'SHOW BINARY LOGS')).at(-1)?.Log_name;
        const events = await rowsOf(connection, `SHOW BINLOG EVENTS IN '${log}'`);
        return events.some(({ Event_type }) => Event_type === 'Annotate_rows');
      }),
    ),
  );
}

/** What a person does for room on the disk: the log begins right behind the last transaction. */
async function purgeLog(node: TestNode): Promise<void> {
  await waitApplied(cluster.primary, cluster.replicas);
  await withSql(node, async (connection) => {
    await run(connection, 'FLUSH LOCAL BINARY LOGS');
    const last = (await rowsOf(connection, 'SHOW BINARY LOGS')).at(-1);
    await run(connection, 'PURGE BINARY LOGS TO ?', [last?.Log_name]);
  });
}

async function writesGoOnAfterPurge(): Promise<void> {
  for (const name of ['n2', 'n1']) {
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('before the purge')");
    await purgeLog(cluster.node(name));
    await cluster.makePrimary(name);
    await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('after the purge')");
    await checksumAtRest(cluster.primary, cluster.replicas);
  }
}

/** States of a member that is not heard of in time. */
const LATE = ['late', 'gone'];

function memberOf(members: readonly MemberStatus[], name: string): MemberStatus {
  const found = members.find((member) => member.name === name);
  if (!found) throw new Error(`${name} is not in the list of members`);
  return found;
}

describe('majority', () => {
  beforeAll(() => start('majority'));
  afterAll(async () => {
    await cluster?.dispose();
  });

  const dumps = async (): Promise<number> =>
    await withSql(cluster.primary, async (connection) => {
      const rows = await rowsOf(connection, 'SHOW PROCESSLIST');
      return rows.filter((row) => /Binlog Dump/.test(String(row.Command))).length;
    });

  it('one Binlog Dump on the primary serves both replicas, as the only semi-sync client', async () => {
    expect(await dumps()).toBe(1);
    await withSql(cluster.primary, async (connection) => {
      const status = await rowsOf(
        connection,
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Rpl_semi_sync_master_clients', 'Rpl_semi_sync_master_status')",
      );
      expect(status.map((row) => String(row.Value)).sort()).toEqual(['1', 'ON']);
    });
  });

  it('a replica that is 100 MB behind a window of 1 MiB gets a dump of its own until it has caught up', async () => {
    const stopped = cluster.node('n3');
    await cluster.primary.sql('CREATE TABLE demo.bulk (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB)');
    await checksumAtRest(cluster.primary, cluster.replicas);
    await stopped.freeze('node');
    try {
      await withSql(cluster.primary, async (connection) => {
        await run(connection, "INSERT INTO demo.bulk (v) VALUES ('the first that n3 lacks')");
        for (let i = 0; i < 100; i++) {
          await run(connection, 'INSERT INTO demo.bulk (v) VALUES (REPEAT(SHA2(RAND(), 512), 8192))');
        }
      });
      const spool = join(cluster.primary.directory, 'spool');
      await until(
        'what n3 needs is in the binary log alone',
        async () => !(await isInSpool(spool, 'the first that n3 lacks')),
      );
      const { rssBytes } = await memoryOf(await cluster.primary.pid('node'));
      console.log(`primary's node with a replica 100 MB behind: RSS ${(rssBytes / 2 ** 20).toFixed(0)} MiB`);
      expect(rssBytes).toBeLessThan(400 * 2 ** 20);
      expect(await dumps()).toBe(1);
    } finally {
      await stopped.unfreeze('node');
    }
    await until('a second dump serves the replica', async () => (await dumps()) === 2, { intervalMs: 5 });
    await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 90_000 });
    await until('the second dump has ended', async () => (await dumps()) === 1);
  });

  it('goes on with one replica stopped, which catches up later', async () => {
    const stopped = cluster.node('n3');
    await stopped.freeze('node');
    try {
      await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('with two of three')");
      // Two spools have it, so the primary's is one of them.
      expect(await isInSpool(join(cluster.primary.directory, 'spool'), 'with two of three')).toBe(true);
      await waitApplied(cluster.primary, [cluster.node('n2')]);
      await until('n3 is late in the status', async () => {
        const { members } = await cluster.primary.cluster();
        return LATE.includes(memberOf(members, 'n3').state);
      });
    } finally {
      await stopped.unfreeze('node');
    }
    await checksumAtRest(cluster.primary, cluster.replicas);
  });

  it('without a majority nothing is answered, and the primary soon serves nobody; then everything goes on', async () => {
    const { primary, replicas } = cluster;
    for (const replica of replicas) await replica.freeze('node');
    const insert = insertMeanwhile('without a majority');
    try {
      const http = await primary.request('POST', '/v1/sql', {
        sql: "INSERT INTO demo.t (v) VALUES ('by HTTP without a majority')",
        timeoutMs: 3_000,
      });
      // The server took it, and waits: nobody can say whether it will last.
      expect([http.status, http.body.error?.applied], http.text).toEqual([504, 'unknown']);
      await until('the quorum is lost in the status', async () => {
        const { quorum } = await primary.cluster();
        return quorum.attached < quorum.needed;
      });
      await until('the primary is not ready', async () => !(await primary.isReady()));
      // Another node may have been elected by then, for all that this one knows.
      await until('the primary serves nobody', async () => {
        const read = await primary.request('POST', '/v1/sql', { sql: 'SELECT 1', timeoutMs: 500 });
        return read.status === 503 && read.body.error?.code === 'NO_QUORUM';
      });
      expect(insert.settled(), 'answered without a quorum').toBe(false);
    } finally {
      for (const replica of replicas) await replica.unfreeze('node');
    }
    await insert.done;
    await until('the primary is ready again', () => primary.isReady());
    await checksumAtRest(primary, replicas);
    const log = await primary.logs(500);
    expect(log).toContain('quorum.lost');
    expect(log).toContain('quorum.regained');
  });

  it(
    'a node whose log was purged up to its end becomes the primary, and reads on behind it',
    writesGoOnAfterPurge,
  );
});

describe('all', () => {
  beforeAll(() => start('all'));
  afterAll(async () => {
    await cluster?.dispose();
  });

  it('with annotateRows the texts of statements are in the logs of all', async () => {
    expect(await annotations()).toEqual([true, true, true]);
  });

  it('with one replica stopped COMMIT waits, and nobody shows the row; when it returns, everything goes on', async () => {
    const stopped = cluster.node('n3');
    await stopped.freeze('node');
    const insert = insertMeanwhile('for all');
    try {
      // Beyond the time after which a silent replica counts as gone: `all` waits for it all the same.
      await throughout('one of all has not got it: no answer', 2_500, async () => !insert.settled());
      expect(
        await count(cluster.primary, 'for all'),
        'AFTER_SYNC: not visible before it is acknowledged',
      ).toBe(0);
      expect(await count(cluster.node('n2'), 'for all'), 'shown before its client was answered').toBe(0);
      const { members, quorum } = await cluster.primary.cluster();
      expect(LATE).toContain(memberOf(members, 'n3').state);
      expect(quorum.attached).toBeLessThan(3);
    } finally {
      await stopped.unfreeze('node');
    }
    await insert.done;
    await checksumAtRest(cluster.primary, cluster.replicas);
    for (const node of cluster.nodes) expect(await count(node, 'for all')).toBe(1);
  });
});

describe('async', () => {
  interface Answer {
    results?: { rows: string[][] }[];
    position?: string;
    acknowledgedBy?: string[];
  }

  beforeAll(() => start('async'));
  afterAll(async () => {
    await cluster?.dispose();
  });

  const insert = (v: string, more = {}) =>
    cluster.primary.request<Answer>('POST', '/v1/sql', {
      ...{ sql: 'INSERT INTO demo.t (v) VALUES (?)', params: [v], timeoutMs: 20_000 },
      ...more,
    });

  it('texts of statements stay in the log of the primary', async () => {
    expect(await annotations()).toEqual([true, false, false]);
  });

  it('HTTP answers a write that no replica has, and can read it at once; what asks for more waits', async () => {
    // Longer than a second of that, and another node may have been elected: the primary serves nobody.
    const wrote = await until('a write is answered within that second', async () => {
      for (const replica of cluster.replicas) await replica.freeze('node');
      try {
        const answer = await insert('nobody else has it');
        return answer.status === 200 ? answer : null;
      } finally {
        for (const replica of cluster.replicas) await replica.unfreeze('node');
      }
    });
    expect(wrote.body.acknowledgedBy).toEqual([]);
    const read = await cluster.primary.request<Answer>('POST', '/v1/sql', {
      sql: "SELECT COUNT(*) FROM demo.t WHERE v = 'nobody else has it'",
    });
    expect(read.body.results?.[0]?.rows, read.text).toEqual([['1']]);
    for (const replica of cluster.replicas) await replica.freeze('node');
    try {
      const more = await insert('for a majority', { write: { acknowledge: 'majority' }, timeoutMs: 2_000 });
      expect([more.status, more.body.error?.applied]).toEqual([504, 'unknown']);
    } finally {
      for (const replica of cluster.replicas) await replica.unfreeze('node');
    }
    const more = await insert('for a majority', { write: { acknowledge: 'majority' } });
    expect([more.status, (more.body.acknowledgedBy ?? []).length > 0], more.text).toEqual([200, true]);
    await checksumAtRest(cluster.primary, cluster.replicas);
  });

  it(
    'a node whose log was purged up to its end becomes the primary, and reads on behind it',
    writesGoOnAfterPurge,
  );
});

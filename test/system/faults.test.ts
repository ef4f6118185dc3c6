import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { binlogGtid, sequenceOf } from '../kit/checksum.js';
import type { Ledger } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { createLedger, everyProcess, expectWhole, startWriters } from '../kit/kill-rounds.js';
import { signalPid } from '../kit/processes.js';
import { withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/** What networks and schedulers do, under load: everything goes on by itself, checksums are equal at the end of each. */

/** How long a process is stopped or a link is cut. Longer than "late" (1.5 s); test/long has it for 30 s. */
const FAULT_MS = Number(process.env.SKEIN_TEST_FAULT_MS ?? 2_500);

let cluster: TestCluster;
let ledger: Ledger | undefined;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ proxied: true });
  await createLedger(cluster);
});

afterAll(async () => {
  await cluster?.dispose();
});

const aWhile = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Writers all along; `fault` begins and ends the fault; afterwards writes go on, all are ready, nothing is lost. */
async function underLoad(fault: () => Promise<void>): Promise<void> {
  const pool = startWriters(cluster, 4, ledger);
  ledger = pool.ledger;
  try {
    await pool.ledger.progress(20, 20_000, 'writes go on before the fault');
    await fault();
    await pool.ledger.progress(20, 30_000, 'writes go on after the fault');
    for (const node of cluster.nodes) await node.untilReady(30_000);
  } finally {
    await pool.stop();
  }
  await expectWhole(cluster, pool.ledger);
}

describe('the link of one replica', () => {
  const faults: Array<[string, (name: string) => void]> = [
    ['is cut both ways', (name) => cluster.proxy(name).cut()],
    ['is cut from replica to primary', (name) => cluster.proxy(name).cutOneWay('up')],
    ['is cut from primary to replica', (name) => cluster.proxy(name).cutOneWay('down')],
    ['is reset and refused', (name) => cluster.proxy(name).refuse()],
    [
      'loses packets and breaks',
      (name) => cluster.proxy(name).loss({ chance: 0.05, resetAfterBytes: 200_000 }),
    ],
  ];

  it.each(faults)('%s: the other replica makes the majority, writes go on', async (_name, begin) => {
    await underLoad(async () => {
      begin('n2');
      await ledger?.progress(100, 20_000, 'writes go on with one link');
      await aWhile(FAULT_MS);
      cluster.proxy('n2').heal();
    });
  });
});

describe('the links of both replicas', () => {
  it('are slow (50 ms each way): writes are slower, and whole', async () => {
    await underLoad(async () => {
      for (const { name } of cluster.replicas) cluster.proxy(name).delay(50);
      await ledger?.progress(50, 30_000, 'writes go on over slow links');
      for (const { name } of cluster.replicas) cluster.proxy(name).heal();
    });
  });

  it('are cut: nothing is acknowledged; they heal: everything goes on', async () => {
    await underLoad(async () => {
      for (const { name } of cluster.replicas) cluster.proxy(name).cut();
      await aWhile(500);
      const before = ledger?.counts.acknowledged;
      await aWhile(FAULT_MS);
      expect(ledger?.counts.acknowledged, 'acknowledged by a minority').toBe(before);
      for (const { name } of cluster.replicas) cluster.proxy(name).heal();
    });
  });
});

it.each(['n1', 'n2', 'n3'].flatMap((name) => [[name, 'node'] as const, [name, 'server'] as const]))(
  'SIGSTOP of %s’s %s, then SIGCONT',
  async (name, kind) => {
    expect(everyProcess(cluster)).toContainEqual([name, kind]);
    await underLoad(async () => {
      const pid = await cluster.node(name).pid(kind);
      signalPid(pid, 'SIGSTOP');
      await aWhile(FAULT_MS);
      signalPid(pid, 'SIGCONT');
    });
  },
);

it('a replica that starts while its link is down applies what its spool holds, and then catches up', async () => {
  const replica = cluster.node('n3');
  const pool = startWriters(cluster, 4, ledger);
  ledger = pool.ledger;
  try {
    await pool.ledger.progress(50, 20_000, 'writes go on');
    // The server first: what the node receives from here on is durable in the spool only.
    await replica.freeze('server');
    await pool.ledger.progress(50, 20_000, 'writes go on while a server stands');
    const reached = sequenceOf(await withSql(cluster.primary, binlogGtid));
    cluster.proxy('n3').refuse();
    await replica.kill('node');
    await replica.kill('server');
    cluster.startNode('n3');
    await until(
      `n3 applies up to ${reached - 200} from its spool`,
      async () => sequenceOf(await withSql(replica, binlogGtid)) >= reached - 200,
      { deadlineMs: 20_000, context: () => replica.logs(20) },
    );
    cluster.proxy('n3').heal();
    await replica.untilReady();
  } finally {
    await pool.stop();
  }
  await expectWhole(cluster, pool.ledger);
});

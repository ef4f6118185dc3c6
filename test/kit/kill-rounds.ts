import { checksumAtRest } from './checksum.js';
import { CREATE_LEDGER, checkLedger, httpWriter, type Ledger, sqlWriter, WriterPool } from './clients.js';
import type { TestCluster } from './cluster.js';
import { run, withSql } from './sql-node.js';
import type { ProcessKind } from './test-node.js';

export const LEDGER_DATABASE = 'ledger_db';

export async function createLedger(cluster: TestCluster): Promise<void> {
  await cluster.primary.sql(`CREATE DATABASE IF NOT EXISTS ${LEDGER_DATABASE}`);
  await cluster.primary.sql(CREATE_LEDGER, [], { database: LEDGER_DATABASE });
}

/** Half of the clients through HTTP, half straight through the server's own socket. */
export function startWriters(cluster: TestCluster, clients = 4, ledger?: Ledger): WriterPool {
  const seqFrom = ledger
    ? Math.max(0, ...[...ledger.answers()].map(([row]) => Number(row.split('/')[1])))
    : 0;
  return new WriterPool(
    {
      clients,
      seqFrom,
      writer: (client) =>
        client % 2 === 1
          ? httpWriter({
              url: cluster.primary.url,
              token: cluster.token,
              database: LEDGER_DATABASE,
              timeoutMs: 60_000,
            })
          : sqlWriter({
              // `app` as applications will have it: bound by read_only, so that a closed server refuses it.
              connect: (options) => cluster.primary.connectAs('skein_write', options),
              database: LEDGER_DATABASE,
            }),
    },
    ledger,
  );
}

/** Each member: [node, process]. */
export function everyProcess(cluster: TestCluster): Array<[name: string, kind: ProcessKind]> {
  return (['node', 'server'] as const).flatMap((kind) =>
    cluster.nodes.map((node): [string, ProcessKind] => [node.name, kind]),
  );
}

export interface KillResult {
  name: string;
  kind: ProcessKind;
  /** From the kill to the first INSERT that was acknowledged after it. */
  writesAgainMs: number;
  /** From the kill to all /ready. */
  allReadyMs: number;
}

/** Kills one process under load and waits until it runs again, all nodes are ready and writes are acknowledged. */
export async function killUnderLoad(
  cluster: TestCluster,
  pool: WriterPool,
  name: string,
  kind: ProcessKind,
): Promise<KillResult> {
  const node = cluster.node(name);
  await pool.ledger.progress(20, 20_000, `writes go on before ${name}'s ${kind} is killed`);
  const started = performance.now();
  const oldPid = await node.kill(kind);
  await node.untilRestarted(kind, oldPid, 30_000);
  await pool.ledger.progress(20, 40_000, `writes go on after ${name}'s ${kind} was killed`);
  const writesAgainMs = performance.now() - started;
  for (const each of cluster.nodes) await each.untilReady(40_000);
  return { name, kind, writesAgainMs, allReadyMs: performance.now() - started };
}

/** All rows as the clients were told, once, on every node, and equal checksums. */
export async function expectWhole(cluster: TestCluster, ledger: Ledger): Promise<void> {
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
  for (const node of cluster.nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
}

/** Slave threads and errors of a replica's server, for messages. */
export async function replicaThreads(cluster: TestCluster, name: string): Promise<string> {
  return await withSql(cluster.node(name), async (connection) => {
    const [rows] = await connection.query('SHOW SLAVE STATUS');
    await run(connection, 'SELECT 1');
    return JSON.stringify(rows);
  });
}

import { checksumAtRest } from './checksum.js';
import { CREATE_LEDGER, checkLedger, httpWriter, type Ledger, sqlWriter, WriterPool } from './clients.js';
import type { TestCluster } from './cluster.js';

export const LEDGER_DATABASE = 'ledger_db';

export async function createLedger(cluster: TestCluster): Promise<void> {
  await cluster.primary.sql(`CREATE DATABASE IF NOT EXISTS ${LEDGER_DATABASE}`);
  await cluster.primary.sql(CREATE_LEDGER, [], { database: LEDGER_DATABASE });
}

export interface WritersOptions {
  clients?: number;
  /** Pause of each client after each INSERT; 0 = as fast as it goes. */
  paceMs?: number;
  /** Of earlier writers on the same table, to go on with. */
  ledger?: Ledger | undefined;
}

/** The largest number that a row of this ledger has; 0 = there is none. */
export function lastSeqOf(ledger: Ledger): number {
  let last = 0;
  for (const [row] of ledger.answers()) last = Math.max(last, Number(row.split('/')[1]));
  return last;
}

/** Half of the clients through HTTP, half straight through the server's own socket. */
export function startWriters(cluster: TestCluster, options: WritersOptions = {}): WriterPool {
  const { clients = 4, paceMs = 0, ledger } = options;
  return new WriterPool(
    {
      clients,
      paceMs,
      seqFrom: ledger ? lastSeqOf(ledger) : 0,
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

/** All rows as the clients were told, once, on every node, and equal checksums. */
export async function expectWhole(cluster: TestCluster, ledger: Ledger): Promise<void> {
  await checksumAtRest(cluster.primary, cluster.replicas, { deadlineMs: 60_000 });
  for (const node of cluster.nodes) await checkLedger(ledger, node, LEDGER_DATABASE);
}

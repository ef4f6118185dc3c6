import { httpWriter, type Ledger, sqlWriter, type Writer, WriterPool } from './clients.js';
import type { TestCluster } from './cluster.js';
import { LEDGER_DATABASE, lastSeqOf } from './kill-rounds.js';
import { openSql } from './sql-node.js';
import type { TestNode } from './test-node.js';

/** Writers that do not know which node is the primary. */

/** Through the read-write port of a node, as an application comes. */
export function openThrough(cluster: TestCluster, node: TestNode, database?: string) {
  return openPort(node, cluster.readWritePort(node.name), database);
}

/** Through a read-write or a read-only port of this node. */
export async function openPort(node: TestNode, port: number, database?: string) {
  const connection = await openSql({
    host: '127.0.0.1',
    port,
    user: 'app',
    password: node.password('app'),
    flags: ['-IGNORE_SPACE'],
    ...(database && { database }),
  });
  connection.on('error', () => {});
  return connection;
}

/** Asks the next one after each answer that was no acknowledgement. */
function inTurn(writers: readonly Writer[]): Writer {
  let turn = 0;
  return {
    async insert(client, seq) {
      const answer = await (writers[turn % writers.length] as Writer).insert(client, seq);
      if (answer.outcome !== 'acknowledged') turn++;
      return answer;
    },
    async close() {
      for (const writer of writers) await writer.close();
    },
  };
}

export interface RoleWritersOptions {
  readonly http: number;
  readonly mysql: number;
  /** Pause of a writer after an answer that was no acknowledgement; default as of WriterPool. */
  readonly pauseAfterErrorMs?: number;
  readonly paceMs?: number;
  /** Called with the time between two acknowledgements of any writer. */
  gap?(ms: number): void;
}

/**
 * HTTP writers ask the nodes in turn; MySQL writers come through the read-write ports of all nodes. They go on after the rows that
 * are in the ledger.
 */
export function startRoleWriters(
  cluster: TestCluster,
  into: Ledger,
  options: RoleWritersOptions,
): WriterPool {
  let dials = 0;
  let lastMs = performance.now();
  const watched = (writer: Writer): Writer => ({
    async insert(client, seq) {
      const answer = await writer.insert(client, seq);
      if (answer.outcome === 'acknowledged') {
        const nowMs = performance.now();
        options.gap?.(nowMs - lastMs);
        lastMs = nowMs;
      }
      return answer;
    },
    close: () => writer.close(),
  });
  const http = () =>
    inTurn(
      cluster.nodes.map(({ url }) => httpWriter({ url, token: cluster.token, database: LEDGER_DATABASE })),
    );
  const mysql = () =>
    sqlWriter({
      connect: () =>
        openThrough(cluster, cluster.nodes[dials++ % cluster.nodes.length] as TestNode, LEDGER_DATABASE),
      database: LEDGER_DATABASE,
    });
  return new WriterPool(
    {
      clients: options.http + options.mysql,
      seqFrom: lastSeqOf(into),
      ...(options.pauseAfterErrorMs !== undefined && { pauseAfterErrorMs: options.pauseAfterErrorMs }),
      ...(options.paceMs !== undefined && { paceMs: options.paceMs }),
      writer: (client) => watched(client <= options.http ? http() : mysql()),
    },
    into,
  );
}

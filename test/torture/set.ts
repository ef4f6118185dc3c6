import { sleep } from '../../src/std/timing.js';
import {
  judgeLedger,
  Ledger,
  readLedger,
  type WriteAnswer,
  type Writer,
  WriterPool,
} from '../kit/clients.js';
import { createLedger, LEDGER_DATABASE } from '../kit/kill-rounds.js';
import { startRoleWriters } from '../kit/role-writers.js';
import type { TestNode } from '../kit/test-node.js';
import type { History } from './history.js';
import { type Arena, post, type Workload } from './workload.js';

/** Each acknowledged row is there once on every node, and none that was refused. */
export class SetWorkload implements Workload {
  readonly name = 'set';
  readonly ledger: Ledger;
  readonly #arena: Arena;
  #pools: WriterPool[] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
    this.ledger = new RecordedLedger(arena.history);
  }

  prepare(): Promise<void> {
    return createLedger(this.#arena.cluster);
  }

  start(): void {
    const { cluster } = this.#arena;
    this.#pools = [
      startRoleWriters(cluster, this.ledger, { http: 1, mysql: 1, paceMs: 20 }),
      new WriterPool(
        { clients: 1, paceMs: 20, seqFrom: KEYED_FROM, writer: () => keyedWriter(cluster.nodes) },
        this.ledger,
      ),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.stop()));
  }

  async judge(): Promise<void> {
    const { cluster, history } = this.#arena;
    for (const node of cluster.nodes) {
      const faults = judgeLedger(this.ledger, await readLedger(node, LEDGER_DATABASE));
      for (const { kind, row, detail } of faults.slice(0, 10))
        history.violation('set', `${node.name}: row ${row} is ${kind} (${detail})`);
      if (faults.length > 10) history.violation('set', `${node.name}: ${faults.length} such rows in all`);
    }
  }

  summary(): string {
    return this.ledger.summary();
  }
}

class RecordedLedger extends Ledger {
  readonly #history: History;

  constructor(history: History) {
    super();
    this.#history = history;
  }

  override record(client: number, seq: number, answer: WriteAnswer): void {
    this.#history.record('set', { client, seq, ...answer });
    if (answer.outcome === 'acknowledged') this.#history.acknowledged();
    super.record(client, seq, answer);
  }
}

/** The rows of the clients that send a write again with its key have numbers of their own. */
const KEYED_FROM = 1_000_000;
const KEYED_FOR_MS = 60_000;

/** Sends a write again, with the same key, until it is told that it is done: on whichever node. */
function keyedWriter(nodes: readonly TestNode[]): Writer {
  let turn = 0;
  return {
    async insert(client, seq) {
      const untilMs = performance.now() + KEYED_FOR_MS;
      let unknown: WriteAnswer | null = null;
      for (;;) {
        const node = nodes[turn % nodes.length] as TestNode;
        const { body: _, ...answer } = await post(
          node,
          {
            sql: 'INSERT INTO ledger (client, seq, note) VALUES (?, ?, ?)',
            params: [client, seq, 'with a key'],
            database: LEDGER_DATABASE,
          },
          { 'idempotency-key': `set-${client}-${seq}` },
        );
        if (answer.outcome === 'acknowledged') return answer;
        if (answer.outcome === 'unknown') unknown = answer;
        if (performance.now() > untilMs) return unknown ?? answer;
        turn++;
        await sleep(50);
      }
    },
    async close() {},
  };
}

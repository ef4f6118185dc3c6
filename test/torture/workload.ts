import type { Connection } from 'mysql2/promise';
import { sleep } from '../../src/std/timing.js';
import { judgeFetchError, judgeHttpAnswer, type WriteAnswer } from '../kit/clients.js';
import type { TestCluster } from '../kit/cluster.js';
import { openPort, openThrough } from '../kit/role-writers.js';
import type { HttpAnswer, SqlAnswer, TestNode } from '../kit/test-node.js';
import type { History } from './history.js';

export interface Arena {
  readonly cluster: TestCluster;
  readonly history: History;
}

/** What clients do meanwhile, and whether what they were told was true. */
export interface Workload {
  readonly name: string;
  /** Makes the tables. The cluster is whole. */
  prepare(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
  /** Tells the history of violations that only the end shows. The cluster is whole again, and at rest. */
  judge(): Promise<void>;
  /** What it did, in a line. */
  summary(): string;
}

export const DATABASE = 'torture';

/** In the server; the client waits a little longer. */
const TIMEOUT_MS = 8_000;
const PAUSE_AFTER_ERROR_MS = 50;

/** Clients that take turns until they are stopped. A turn that throws is a fault of the test. */
export class Clients {
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];

  /** `turn` answers whether it got what it wanted; if not, the client waits a little. */
  add(paceMs: number, turn: () => Promise<boolean>, close?: () => void): void {
    const { signal } = this.#stopping;
    const work = async () => {
      while (!signal.aborted) {
        const isDone = await turn();
        await sleep(isDone ? paceMs : Math.max(paceMs, PAUSE_AFTER_ERROR_MS), signal).catch(() => {});
      }
      close?.();
    };
    this.#running.push(work());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }
}

export interface Answer extends WriteAnswer {
  readonly body: SqlAnswer | null;
}

/** `POST /v1/sql` on whichever node, which forwards it where it has to. Never throws. */
export async function post(
  node: TestNode,
  body: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const request = { database: DATABASE, forward: true, timeoutMs: TIMEOUT_MS, ...body };
  let answer: HttpAnswer<SqlAnswer>;
  try {
    answer = await node.request<SqlAnswer>('POST', '/v1/sql', request, {
      timeoutMs: TIMEOUT_MS + 2_000,
      headers,
    });
  } catch (error) {
    return { ...judgeFetchError(error), body: null };
  }
  return { ...judgeHttpAnswer(answer.status, answer.text), body: answer.status === 200 ? answer.body : null };
}

/** One connection through a port, made again after it broke. */
export class KeptConnection {
  readonly #open: () => Promise<Connection>;
  #connection: Connection | null = null;

  constructor(open: () => Promise<Connection>) {
    this.#open = open;
  }

  static readOnly(cluster: TestCluster, node: TestNode): KeptConnection {
    return new KeptConnection(() => openPort(node, cluster.readOnlyPort(node.name), DATABASE));
  }

  /** Another node at each dial: all lead to the primary. */
  static readWrite(cluster: TestCluster): KeptConnection {
    let dials = 0;
    return new KeptConnection(() =>
      openThrough(cluster, cluster.nodes[dials++ % cluster.nodes.length] as TestNode, DATABASE),
    );
  }

  /** What failed before `work` began was not done; whatever fails within is unknown. */
  async use<T>(work: (connection: Connection) => Promise<T>): Promise<WriteAnswer & { value?: T }> {
    const opening = this.#connection ?? this.#open();
    try {
      this.#connection = await within(Promise.resolve(opening), TIMEOUT_MS);
    } catch (error) {
      Promise.resolve(opening).then(
        (late) => late.destroy(),
        () => {},
      );
      return { outcome: 'failed', reason: `connect: ${codeOf(error)}` };
    }
    try {
      return { outcome: 'acknowledged', value: await within(work(this.#connection), TIMEOUT_MS + 2_000) };
    } catch (error) {
      this.close();
      return { outcome: 'unknown', reason: codeOf(error) };
    }
  }

  close(): void {
    this.#connection?.destroy();
    this.#connection = null;
  }
}

const codeOf = (error: unknown) => (error as { code?: string }).code ?? (error as Error).message;

/** A frozen server answers nothing, and MySQL's protocol has no time-out. */
async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  work.catch(() => {});
  const timer = new AbortController();
  const late = sleep(timeoutMs, timer.signal).then(() => {
    throw Object.assign(new Error('no answer'), { code: 'NO_ANSWER' });
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

/** How often each outcome and each reason came. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  count(answer: WriteAnswer): void {
    this.add(answer.outcome);
    if (answer.reason) this.add(answer.reason);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  toString(): string {
    return [...this.#counts].map(([what, count]) => `${what} ${count}`).join(', ');
  }
}

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SEED_PHASES, type SeedPhase } from '../../src/model/seed.js';
import type { TestCluster } from './cluster.js';
import { LEDGER_DATABASE } from './kill-rounds.js';
import { signalPid } from './processes.js';
import type { TestNode } from './test-node.js';
import { until } from './until.js';

/** Long enough for a snapshot of a small cluster on a loaded machine, with its restarts. */
const SEED_MS = 120_000;

/** Kills the node and its server; nothing of them runs when it resolves. Only without a supervisor. */
export async function stopAll(node: TestNode): Promise<void> {
  await node.kill('node');
  await node.kill('server').catch(() => {});
}

/** Stops the node, which stops its server in order: then all changes are in the server's files. Only without a supervisor. */
export async function stopInOrder(node: TestNode): Promise<void> {
  signalPid(await node.pid('node'), 'SIGTERM');
  await until(
    `${node.name} has stopped`,
    async () => !(await node.runs('node')) && !(await node.runs('server')),
    { context: () => node.logs(20) },
  );
}

export const removeData = (node: TestNode) =>
  rm(join(node.directory, 'data'), { recursive: true, force: true });
export const removeSpool = (node: TestNode) =>
  rm(join(node.directory, 'spool'), { recursive: true, force: true });

/** Its spool does not begin at the cluster's first transaction any more. Somebody writes meanwhile. */
export async function untilPurged(node: TestNode): Promise<void> {
  await until(
    `the spool of ${node.name} was purged`,
    async () => {
      const names = await readdir(join(node.directory, 'spool'));
      const firsts = names.map((name) => /\d{16}/.exec(name)?.[0]).filter((first) => first !== undefined);
      return firsts.length > 0 && firsts.every((first) => Number(first) > 1);
    },
    { deadlineMs: 60_000 },
  );
}

export async function seedsOf(node: TestNode): Promise<number> {
  const { text } = await node.request('GET', '/metrics');
  return Number(/^skein_events_total\{event="seed\.done"\} (\d+)$/m.exec(text)?.[1] ?? 'NaN');
}

/** It is ready, level with the cluster, and nothing is being filled. */
export async function untilHealed(node: TestNode, deadlineMs = SEED_MS): Promise<void> {
  await until(
    `${node.name} is healthy again`,
    async () => {
      const { members } = await node.cluster();
      const own = members.find(({ name }) => name === node.name);
      if (own?.seeding) throw new Error(`it is being filled: ${JSON.stringify(own.seeding)}`);
      return own?.state === 'live' && own.reason === null && (await node.isReady());
    },
    { deadlineMs, context: () => node.logs(30) },
  );
}

/** It is being filled, or was in this short time; `before`: how often its present process had been. */
export async function untilSeeding(node: TestNode, before: number): Promise<void> {
  await until(
    `${node.name} is being filled`,
    async () => {
      const { members } = await node.cluster();
      return (
        Boolean(members.find(({ name }) => name === node.name)?.seeding) || (await seedsOf(node)) > before
      );
    },
    { deadlineMs: 60_000, intervalMs: 20, context: () => node.logs(30) },
  );
}

/** Its seed has come to this phase, or further; `before`: how often its present process had been filled. */
export async function untilPhase(node: TestNode, phase: SeedPhase, before: number): Promise<void> {
  await until(
    `the seed of ${node.name} is ${phase}`,
    async () => {
      const { members } = await node.cluster();
      const found = members.find(({ name }) => name === node.name)?.seeding?.phase ?? 'idle';
      if (found === 'backing-off') return false;
      return SEED_PHASES.indexOf(found) >= SEED_PHASES.indexOf(phase) || (await seedsOf(node)) > before;
    },
    { deadlineMs: 60_000, intervalMs: 5, context: () => node.logs(30) },
  );
}

/**
 * A client that reads a replica without end. What it is shown must be a state of the cluster, and never an earlier one
 * than before; that it is refused is well.
 */
export class Reader {
  readonly #cluster: TestCluster;
  readonly #node: TestNode;
  readonly #done: Promise<void>;
  #isOver = false;
  #seen = 0;
  answers = 0;
  refusals = 0;
  readonly wrong: string[] = [];

  constructor(cluster: TestCluster, node: TestNode) {
    this.#cluster = cluster;
    this.#node = node;
    this.#done = this.#run();
  }

  /** @throws when it was ever shown what it must not see */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    if (this.wrong.length > 0) throw new Error(`${this.#node.name} showed: ${this.wrong.join('; ')}`);
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#read().catch((error: Error) => {
        // The node is being started.
        this.refusals++;
        if (!/fetch failed|aborted|timeout|ECONN|socket/i.test(String(error)))
          this.wrong.push(`it failed: ${error.message}`);
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #read(): Promise<void> {
    const sql = `SELECT COUNT(*) FROM ${LEDGER_DATABASE}.ledger`;
    const { status, body, text } = await this.#node.request<{ results: { rows: unknown[][] }[] }>(
      'POST',
      '/v1/sql',
      { sql, read: { level: 'local' } },
      { token: this.#cluster.token, timeoutMs: 5_000 },
    );
    if (status === 503 || status === 504 || status === 401) {
      this.refusals++;
      return;
    }
    if (status !== 200) {
      this.wrong.push(`${status} ${text.slice(0, 200)}`);
      return;
    }
    this.answers++;
    const count = Number(body.results[0]?.rows[0]?.[0]);
    if (count < this.#seen) this.wrong.push(`${count} rows after ${this.#seen}`);
    this.#seen = Math.max(this.#seen, count);
  }
}

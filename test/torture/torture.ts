import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../src/model/error.js';
import { checksumAtRest } from '../kit/checksum.js';
import { TestCluster } from '../kit/cluster.js';
import { seededRandom } from '../kit/random.js';
import { until } from '../kit/until.js';
import { BankWorkload } from './bank.js';
import { History } from './history.js';
import { Nemesis, READY_WITHIN_MS } from './nemesis.js';
import { ReadsWorkload } from './reads.js';
import { RegisterWorkload } from './register.js';
import { reportPage, type TortureResult } from './report.js';
import { SetWorkload } from './set.js';

export interface TortureOptions {
  readonly seed: number;
  /** 3 or 5. */
  readonly nodes: number;
  readonly durationMs: number;
  /** Chance that two faults come at a time. */
  readonly pairs?: number;
}

/**
 * Faults, drawn from the seed, on a real cluster under four workloads; then what the clients were told is held against what the
 * nodes have. History, report page and all logs are in `directory`.
 */
export async function torture(options: TortureOptions): Promise<TortureResult & { directory: string }> {
  const { seed, nodes, durationMs, pairs = 0.4 } = options;
  const directory = join(
    'test-results',
    `torture-${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}-${nodes}-${seed}`,
  );
  const cluster = await TestCluster.start({
    ...{ replicas: nodes - 1, routed: seed, readyDeadlineMs: READY_WITHIN_MS },
    slowDisks: Array.from({ length: nodes }, (_, at) => `n${at + 1}`),
    loaded: ['set-clock.mjs'],
  });
  const history = new History(directory);
  const set = new SetWorkload({ cluster, history });
  const workloads = [
    set,
    ...[BankWorkload, RegisterWorkload, ReadsWorkload].map((kind) => new kind({ cluster, history })),
  ];
  const nemesis = new Nemesis(cluster, history, {
    ...{ random: seededRandom(seed), nodes, durationMs, pairs },
    progress: (writes, deadlineMs) => set.ledger.progress(writes, deadlineMs, 'the cluster serves again'),
  });
  try {
    for (const workload of workloads) await workload.prepare();
    for (const workload of workloads) workload.start();
    await nemesis.run().catch((error: unknown) => history.violation('cluster', messageOf(error)));
    await Promise.all(workloads.map((workload) => workload.stop()));
    await judge(cluster, history, workloads).catch((error: unknown) =>
      history.violation('cluster', messageOf(error)),
    );
    const result: TortureResult = {
      ...{
        seed,
        nodes,
        durationMs,
        commit: commit(),
        rounds: nemesis.rounds,
        violations: history.violations,
      },
      command: `npm run torture -- --minutes ${Number((durationMs / 60_000).toFixed(2))} --nodes ${nodes} --seed ${seed}`,
      workloads: workloads.map((workload) => ({ name: workload.name, summary: workload.summary() })),
    };
    writeFileSync(join(directory, 'report.md'), reportPage(result));
    keepLogs(cluster, directory);
    return { ...result, directory };
  } finally {
    await history.close();
    await cluster.dispose();
  }
}

/** All faults are over, and no client writes any more. */
async function judge(
  cluster: TestCluster,
  history: History,
  workloads: readonly { judge(): Promise<void> }[],
): Promise<void> {
  cluster.routes.heal();
  for (const node of cluster.nodes) await node.untilReady(READY_WITHIN_MS);
  const primary = await until('a primary is open', () => cluster.electedPrimary());
  const others = cluster.nodes.filter((node) => node !== primary);
  await checksumAtRest(primary, others, { deadlineMs: READY_WITHIN_MS }).catch((error: unknown) =>
    history.violation('cluster', messageOf(error)),
  );
  for (const workload of workloads) await workload.judge();
  const chains = await Promise.all(
    cluster.nodes.map(({ directory }) => readFile(join(directory, 'state', 'chain.json'), 'utf8')),
  );
  const different = cluster.nodes.filter((_, at) => !sameJson(chains[at], chains[0]));
  for (const node of different)
    history.violation('cluster', `${node.name} has another chain than ${cluster.primary.name}`);
}

const sameJson = (one: string | undefined, other: string | undefined) =>
  JSON.stringify(JSON.parse(one ?? 'null')) === JSON.stringify(JSON.parse(other ?? 'null'));

/** Everything of the nodes but their data and spools. */
function keepLogs(cluster: TestCluster, directory: string): void {
  writeFileSync(join(directory, 'demo.log'), cluster.output.text());
  for (const node of cluster.nodes) {
    for (const name of [
      'node.log',
      'node.log.1',
      'node.log.2',
      'node.log.3',
      'node.out',
      'server.log',
      'node.json',
      'state',
      'audit',
    ]) {
      const from = join(node.directory, name);
      if (existsSync(from)) cpSync(from, join(directory, node.name, name), { recursive: true });
    }
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

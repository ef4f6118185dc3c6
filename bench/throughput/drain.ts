import { sleep } from '../../src/std/timing.js';
import { binlogGtid, checksumAtRest, sequenceOf } from '../../test/kit/checksum.js';
import { type SqlNode, scalarOf, withSql } from '../../test/kit/sql-node.js';
import { dropTables, freshTables } from './measure.js';
import type { SysbenchBinary } from './obtain-tool.js';
import { cpuOf, peakMemoryOf } from './process-figures.js';
import { DATABASE, type LoadOptions, runLoad } from './sysbench.js';
import type { Target } from './target.js';

/** Raw values of one backlog that was written while the replicas were down. */
export interface DrainFigures {
  readonly mode: string;
  readonly round: number;
  readonly at: string;
  readonly transactions: number;
  readonly rows: number;
  /** All from the moment when the replicas' processes were told to start, of the slowest replica, milliseconds. */
  readonly firstAppliedMs: number;
  readonly receivedMs: number;
  readonly appliedMs: number;
  /** From the first to the last applied transaction: without what a start costs. */
  readonly applyingMs: number;
  /** Of each process, milliseconds; those of replicas from their start. */
  readonly cpuMs: Record<string, number>;
  readonly peakBytes: Record<string, number>;
}

/** oltp_write_only changes four rows in each transaction. */
const ROWS_PER_TRANSACTION = 4;
const WRITERS = 16;
const POLL_MS = 50;
const DEADLINE_MS = 600_000;

export async function drain(
  target: Target,
  sysbench: SysbenchBinary,
  options: LoadOptions & { round: number; rows: number },
  signal: AbortSignal,
): Promise<DrainFigures> {
  await freshTables(target, sysbench, options, signal);
  const from = sequenceOf(await withSql(target.primary, binlogGtid));
  await target.stopReplicas();
  const transactions = Math.ceil(options.rows / ROWS_PER_TRANSACTION);
  const load = { ...options, workload: 'oltp_write_only', clients: WRITERS, transactions };
  await runLoad(sysbench, target.endpoint, load, signal);
  const end = sequenceOf(await withSql(target.primary, binlogGtid));

  const cpuBefore = await cpuOf((await target.processes()).filter(({ name }) => name.startsWith('n1.')));
  const at = new Date().toISOString();
  const started = performance.now();
  const starting = target.startReplicas();
  const times = await Promise.all(
    target.replicas.map((replica) => watch(target, replica, { from, end, started }, signal)),
  );
  await starting;
  const processes = await target.processes();
  const cpuAfter = await cpuOf(processes);
  const peakBytes = await peakMemoryOf(processes);
  await checksumAtRest(target.primary, target.replicas, { schemas: [DATABASE] });
  await dropTables(target);
  const slowest = (pick: (time: Times) => number) => Math.max(...times.map(pick));
  return {
    mode: target.id,
    round: options.round,
    at,
    transactions: end - from,
    rows: options.rows,
    firstAppliedMs: slowest((time) => time.firstAppliedMs),
    receivedMs: slowest((time) => time.receivedMs),
    appliedMs: slowest((time) => time.appliedMs),
    applyingMs: slowest((time) => time.appliedMs - time.firstAppliedMs),
    cpuMs: Object.fromEntries(
      Object.entries(cpuAfter).map(([name, ms]) => [name, ms - (cpuBefore[name] ?? 0)]),
    ),
    peakBytes,
  };
}

interface Times {
  firstAppliedMs: number;
  receivedMs: number;
  appliedMs: number;
}

async function watch(
  target: Target,
  replica: SqlNode,
  { from, end, started }: { from: number; end: number; started: number },
  signal: AbortSignal,
): Promise<Times> {
  const times: Times = { firstAppliedMs: 0, receivedMs: 0, appliedMs: 0 };
  while (times.appliedMs === 0) {
    await sleep(POLL_MS, signal);
    const nowMs = performance.now() - started;
    if (nowMs > DEADLINE_MS) throw new Error(`${target.id}: ${replica.name} did not drain the backlog`);
    // While it starts, neither answers.
    const [applied, received] = await Promise.all([
      withSql(replica, (connection) => scalarOf(connection, 'SELECT @@GLOBAL.gtid_slave_pos')).catch(
        () => null,
      ),
      times.receivedMs > 0 ? end : target.received(replica).catch(() => 0),
    ]);
    if (times.firstAppliedMs === 0 && sequenceOf(applied ?? '') > from) times.firstAppliedMs = nowMs;
    if (times.receivedMs === 0 && received >= end) times.receivedMs = nowMs;
    if (sequenceOf(applied ?? '') >= end) times.appliedMs = nowMs;
  }
  if (times.receivedMs === 0) times.receivedMs = times.appliedMs;
  return times;
}

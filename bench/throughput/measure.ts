import type { Connection } from 'mysql2/promise';
import { checksumAtRest, sequenceOf, waitApplied } from '../../test/kit/checksum.js';
import { rowsOf, run, type SqlNode, scalarOf, withSql } from '../../test/kit/sql-node.js';
import type { SysbenchBinary } from './obtain-tool.js';
import { cpuBetween, cpuOf, forgetPeaks, machineTime, othersShare, peakMemoryOf } from './process-figures.js';
import { sum } from './statistics.js';
import { DATABASE, type LoadOptions, type LoadResult, prepareTables, runLoad } from './sysbench.js';
import type { Target } from './target.js';

/** Raw values of one run, as they are kept in the file of results. */
export interface RunFigures extends LoadResult {
  readonly mode: string;
  readonly workload: string;
  readonly clients: number;
  readonly round: number;
  readonly at: string;
  readonly perSecond: number;
  /** At the moment when load ended, of the replica that was furthest behind, in transactions. */
  readonly backlog: { readonly received: number; readonly applied: number };
  /** From the end of the load until the last replica had applied everything, milliseconds. */
  readonly lagMs: number;
  /** Of each process, from before the load until all of it was applied, milliseconds. */
  readonly cpuMs: Record<string, number>;
  /** The same until the load ended. */
  readonly cpuUnderLoadMs: Record<string, number>;
  readonly peakBytes: Record<string, number>;
  /** Share of the machine's time that other programs had under load: figures of a busy machine are worth less. */
  readonly othersShare: number;
}

export interface MeasureOptions extends LoadOptions {
  readonly round: number;
  readonly warmupSeconds: number;
}

const APPLIED_DEADLINE_MS = 300_000;
/** Binary logs above this are given back to the disk after a run. */
const BINLOG_KEPT_BYTES = 256 * 2 ** 20;

/** Fresh tables, a short warm-up, the load, the wait for the replicas, checksums, tables dropped. */
export async function measure(
  target: Target,
  sysbench: SysbenchBinary,
  options: MeasureOptions,
  signal: AbortSignal,
): Promise<RunFigures> {
  const { workload, clients, round } = options;
  await freshTables(target, sysbench, options, signal);
  await runLoad(sysbench, target.endpoint, { ...options, seconds: options.warmupSeconds }, signal);
  await level(target);

  const processes = await target.processes();
  await forgetPeaks(processes);
  const at = new Date().toISOString();
  const eyes = await openEyes(target);
  try {
    const machineBefore = await machineTime();
    const cpuBefore = await cpuOf(processes);
    const load = await runLoad(sysbench, target.endpoint, { ...options, seed: options.seed + 1 }, signal);
    const ended = performance.now();
    const cpuAtEnd = await cpuOf(processes);
    const machineAtEnd = await machineTime();
    const { gtid, backlog } = await eyes.look();
    await eyes.untilApplied(gtid);
    const lagMs = target.replicas.length === 0 ? 0 : performance.now() - ended;
    const cpuAfter = await cpuOf(processes);
    const cpuUnderLoadMs = cpuBetween(cpuBefore, cpuAtEnd);
    const peakBytes = await peakMemoryOf(processes);
    await checksumAtRest(target.primary, target.replicas, { schemas: [DATABASE] });
    await dropTables(target);
    return {
      mode: target.id,
      workload,
      clients,
      round,
      at,
      ...load,
      perSecond: load.transactions / load.seconds,
      backlog,
      lagMs,
      cpuMs: cpuBetween(cpuBefore, cpuAfter),
      cpuUnderLoadMs,
      peakBytes,
      othersShare: othersShare(machineBefore, machineAtEnd, sum(Object.values(cpuUnderLoadMs))),
    };
  } finally {
    eyes.close();
  }
}

/** The same rows on every target, applied everywhere before it returns. */
export async function freshTables(
  target: Target,
  sysbench: SysbenchBinary,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<void> {
  await withSql(target.primary, async (connection) => {
    await run(connection, `DROP DATABASE IF EXISTS ${DATABASE}`);
    await run(connection, `CREATE DATABASE ${DATABASE}`);
  });
  await prepareTables(sysbench, target.endpoint, options, signal);
  await level(target);
}

export async function dropTables(target: Target): Promise<void> {
  await withSql(target.primary, (connection) => run(connection, `DROP DATABASE ${DATABASE}`));
  await level(target);
  for (const node of [target.primary, ...target.replicas]) await withSql(node, purgeBinlogs);
}

const level = (target: Target) => waitApplied(target.primary, target.replicas, APPLIED_DEADLINE_MS);

/** Gives large binary logs back to the disk; everything in them is applied everywhere. LOCAL keeps it out of the log itself. */
export async function purgeBinlogs(connection: Connection): Promise<void> {
  const sizes = await rowsOf(connection, 'SHOW BINARY LOGS');
  if (sizes.reduce((sum, row) => sum + Number(row.File_size), 0) < BINLOG_KEPT_BYTES) return;
  await run(connection, 'FLUSH LOCAL BINARY LOGS');
  const last = (await rowsOf(connection, 'SHOW BINARY LOGS')).at(-1);
  await run(connection, 'PURGE BINARY LOGS TO ?', [last?.Log_name]);
}

/** Connections that are open before the load ends: to open them then would give the replicas time to catch up. */
async function openEyes(target: Target) {
  const primary = await target.primary.connect();
  const replicas = await Promise.all(
    target.replicas.map(async (node) => ({ node, connection: await node.connect() })),
  );
  const behind = async (end: number, { node, connection }: { node: SqlNode; connection: Connection }) => {
    const [received, applied] = await Promise.all([
      target.received(node),
      scalarOf(connection, 'SELECT @@GLOBAL.gtid_slave_pos'),
    ]);
    return { received: Math.max(0, end - received), applied: Math.max(0, end - sequenceOf(applied ?? '')) };
  };
  return {
    async look() {
      const gtid = (await scalarOf(primary, 'SELECT @@GLOBAL.gtid_binlog_pos')) ?? '';
      const all = await Promise.all(replicas.map((replica) => behind(sequenceOf(gtid), replica)));
      const worst = (key: 'received' | 'applied') => Math.max(0, ...all.map((one) => one[key]));
      return { gtid, backlog: { received: worst('received'), applied: worst('applied') } };
    },
    async untilApplied(gtid: string) {
      await Promise.all(
        replicas.map(async ({ node, connection }) => {
          const seconds = APPLIED_DEADLINE_MS / 1000;
          const answer = await scalarOf(connection, `SELECT MASTER_GTID_WAIT(?, ${seconds})`, [gtid]);
          if (answer !== '0') throw new Error(`${target.id}: ${node.name} did not apply ${gtid}`);
        }),
      );
    },
    close() {
      for (const connection of [primary, ...replicas.map((replica) => replica.connection)])
        connection.destroy();
    },
  };
}

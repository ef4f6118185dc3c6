import { checksumAtRest, waitApplied } from '../../test/kit/checksum.js';
import {
  cpuBetween,
  cpuOf,
  forgetPeaks,
  machineTime,
  othersShare,
  peakMemoryOf,
} from '../throughput/process-figures.js';
import { SkeinTarget } from '../throughput/skein-target.js';
import { sum } from '../throughput/statistics.js';
import { DATABASE, type LoadOptions, runLoad } from '../throughput/sysbench.js';
import type { Target } from '../throughput/target.js';
import type { Workshop } from '../throughput/workshop.js';
import { sentBetween, sentBytesOf } from './sent-bytes.js';

/** What replication costs the primary's machine: its server, and its node where there is one. */
export interface CostFigures {
  readonly mode: string;
  readonly replicas: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  /** For each transaction, microseconds. */
  readonly serverCpuUs: number;
  readonly nodeCpuUs: number;
  /** Peaks, bytes. */
  readonly serverMemory: number;
  readonly nodeMemory: number;
  /** To all replicas together, for each transaction, bytes. */
  readonly sentBytes: number;
  readonly othersShare: number;
}

export interface CostOptions extends LoadOptions {
  readonly kind: string;
  readonly seconds: number;
  readonly warmupSeconds: number;
}

const APPLIED_DEADLINE_MS = 120_000;

/** The tables are there already. */
export async function costOf(
  workshop: Workshop,
  target: Target,
  { kind, warmupSeconds, ...options }: CostOptions,
): Promise<CostFigures> {
  const { sysbench, signal } = workshop;
  const level = () => waitApplied(target.primary, target.replicas, APPLIED_DEADLINE_MS);
  await runLoad(sysbench, target.endpoint, { ...options, seconds: warmupSeconds }, signal);
  await level();
  const processes = await target.processes();
  const own = processes.filter(({ name }) => name.startsWith('n1.'));
  const port = target instanceof SkeinTarget ? target.linkPort : target.endpoint.port;
  await forgetPeaks(own);
  const machineBefore = await machineTime();
  const sentBefore = await sentBytesOf(port);
  const cpuBefore = await cpuOf(processes);
  const load = await runLoad(sysbench, target.endpoint, { ...options, seed: options.seed + 1 }, signal);
  await level();
  const cpu = cpuBetween(cpuBefore, await cpuOf(processes));
  const sent = sentBetween(sentBefore, await sentBytesOf(port));
  const machineAfter = await machineTime();
  const memory = await peakMemoryOf(own);
  if (sent.connections < target.replicas.length) {
    throw new Error(
      `${kind}: ${sent.connections} of ${target.replicas.length} replicas were connected all the time.`,
    );
  }
  await checksumAtRest(target.primary, target.replicas, { schemas: [DATABASE] });
  const each = (name: string) => (1000 * (cpu[name] ?? 0)) / load.transactions;
  return {
    mode: kind,
    replicas: target.replicas.length,
    perSecond: load.transactions / load.seconds,
    p50Ms: load.latencyMs.p50,
    serverCpuUs: each('n1.server'),
    nodeCpuUs: each('n1.node'),
    serverMemory: memory['n1.server'] ?? Number.NaN,
    nodeMemory: memory['n1.node'] ?? 0,
    sentBytes: sent.bytes / load.transactions,
    othersShare: othersShare(machineBefore, machineAfter, sum(Object.values(cpu))),
  };
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { DrainFigures } from './drain.js';
import type { RunFigures } from './measure.js';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly system: string;
}

export function thisMachine(): Machine {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryBytes: totalmem(),
    system: `${process.platform} ${release()} ${arch()}`,
  };
}

export const machineText = ({ cores, cpu, memoryBytes, system }: Machine) =>
  `${cores} cores (${cpu}), ${Math.round(memoryBytes / 2 ** 30)} GiB, ${system}`;

/** Everything that one run of the bench has seen. */
export interface Results {
  readonly format: 1;
  readonly startedAt: string;
  readonly machine: Machine;
  readonly versions: { node: string; server: string; sysbench: string };
  readonly options: object;
  readonly runs: RunFigures[];
  readonly drains: DrainFigures[];
}

export function newResults(versions: { server: string; sysbench: string }, options: object): Results {
  return {
    format: 1,
    startedAt: new Date().toISOString(),
    machine: thisMachine(),
    versions: { node: process.versions.node, ...versions },
    options,
    runs: [],
    drains: [],
  };
}

/** Written after each run: what was measured is kept whatever happens next. */
export function keepResults(file: string, results: Results): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
}

/** Rounds of another occasion are numbered so much higher. */
const OCCASION_ROUNDS = 1000;

/** When each occasion began to measure, ISO. */
export function occasionsOf({ runs }: Results): string[] {
  const begun = new Map<number, string>();
  for (const { round, at } of runs) {
    const occasion = Math.floor(round / OCCASION_ROUNDS);
    const earliest = begun.get(occasion);
    if (earliest === undefined || at < earliest) begun.set(occasion, at);
  }
  return [...begun.values()].sort();
}

/** Several occasions as one; a round of another occasion is another round. */
export function readResults(files: readonly string[]): Results {
  const all = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Results);
  const [first] = all;
  if (first === undefined) throw new Error('no file of results was named');
  for (const [at, { format }] of all.entries())
    if (format !== 1) throw new Error(`${files[at]} is of another format`);
  const renumber = <T extends { round: number }>(of: (results: Results) => T[]) =>
    all.flatMap((results, occasion) =>
      of(results).map((one) => ({ ...one, round: one.round + occasion * OCCASION_ROUNDS })),
    );
  return { ...first, runs: renumber(({ runs }) => runs), drains: renumber(({ drains }) => drains) };
}

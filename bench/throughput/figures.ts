import type { DrainFigures } from './drain.js';
import type { RunFigures } from './measure.js';
import type { Results } from './results.js';
import { pairs, type Spread, spreadOf, sum } from './statistics.js';

/** What tables, chart and goals ask of the raw values. */
export class Figures {
  readonly #results: Results;

  constructor(results: Results) {
    this.#results = results;
  }

  /** Workloads and numbers of clients that were run, in their order. */
  cases(): { workload: string; clients: number }[] {
    const seen = new Map(
      this.#results.runs.map(({ workload, clients }) => [`${workload} ${clients}`, { workload, clients }]),
    );
    return [...seen.values()];
  }

  runs(mode: string, workload: string, clients: number): RunFigures[] {
    return this.#results.runs.filter(
      (run) => run.mode === mode && run.workload === workload && run.clients === clients,
    );
  }

  drains(mode: string): DrainFigures[] {
    return this.#results.drains.filter((drain) => drain.mode === mode);
  }

  spread(mode: string, at: Case, pick: (run: RunFigures) => number): Spread | null {
    return spreadOf(this.runs(mode, at.workload, at.clients).map(pick));
  }

  /** `combine` of each round's pair, for instance their quotient. */
  paired(
    mode: string,
    base: string,
    at: Case,
    combine: (one: RunFigures, other: RunFigures) => number,
  ): Spread | null {
    const both = pairs(this.runs(mode, at.workload, at.clients), this.runs(base, at.workload, at.clients));
    return spreadOf(both.map(([one, other]) => combine(one, other)));
  }

  pairedDrains(mode: string, base: string, combine: (one: DrainFigures, other: DrainFigures) => number) {
    const both = pairs(this.drains(mode), this.drains(base));
    return spreadOf(both.map(([one, other]) => combine(one, other)));
  }

  get all(): readonly RunFigures[] {
    return this.#results.runs;
  }
}

export interface Case {
  readonly workload: string;
  readonly clients: number;
}

/** Microseconds for each transaction, of all processes or of those whose name ends so. */
export function cpuEach(run: RunFigures, ending = ''): number {
  const ms = sum(
    Object.entries(run.cpuMs)
      .filter(([name]) => name.endsWith(ending))
      .map(([, value]) => value),
  );
  return (ms * 1000) / run.transactions;
}

/** Of the node process that spent most; 0 where there are none. */
export function cpuOfBusiestNode(run: RunFigures): number {
  const nodes = Object.entries(run.cpuMs).filter(([name]) => name.endsWith('.node'));
  return (Math.max(0, ...nodes.map(([, ms]) => ms)) * 1000) / run.transactions;
}

export function peakOfNodes(peakBytes: Record<string, number>): number {
  const nodes = Object.entries(peakBytes).filter(([name]) => name.endsWith('.node'));
  return Math.max(0, ...nodes.map(([, bytes]) => bytes));
}

/** Until the last replica has applied the last transaction: what the whole can keep up with. */
export const appliedPerSecond = (run: RunFigures) => run.transactions / (run.seconds + run.lagMs / 1000);

export const appliedRatio = (one: RunFigures, other: RunFigures) =>
  appliedPerSecond(one) / appliedPerSecond(other);

export const throughputRatio = (one: RunFigures, other: RunFigures) => one.perSecond / other.perSecond;

import type { Chain } from '../../model/chain.js';
import { type MysqlGtid, numberOf, uuidBytes, uuidOfNode } from './gtid.js';
import { type GtidSet, parseGtidSet, sizeOfSet } from './gtid-set.js';

/**
 * Which transactions of the cluster's history are whose. Each epoch has one primary, whose server counts its own transactions
 * on from where its last epoch ended: what it wrote after that was lost with it, and no server has it.
 */
interface Run {
  readonly uuid: string;
  readonly uuidBytes: Buffer;
  /** Ordinal after which the epoch began. */
  readonly after: number;
  /** Number of the primary's transactions before. */
  readonly numberBefore: number;
}

const runsOfChains = new WeakMap<Chain, readonly Run[]>();

/** Oldest first. A chain never changes, so this is done once for each. */
function runsOf(chain: Chain): readonly Run[] {
  const known = runsOfChains.get(chain);
  if (known) return known;
  const counts = new Map<string, number>();
  const runs: Run[] = [];
  let epoch = 0;
  for (const entry of chain) {
    if (entry.epoch === epoch || entry.epoch === 0) continue;
    epoch = entry.epoch;
    const before = runs.at(-1);
    if (before) counts.set(before.uuid, before.numberBefore + entry.beginsAfter.ordinal - before.after);
    const uuid = uuidOfNode(entry.primary);
    runs.push({
      ...{ uuid, uuidBytes: uuidBytes(uuid) },
      after: entry.beginsAfter.ordinal,
      numberBefore: counts.get(uuid) ?? 0,
    });
  }
  runsOfChains.set(chain, runs);
  return runs;
}

function runAt(chain: Chain, ordinal: number): Run | undefined {
  return runsOf(chain).findLast(({ after }) => after < ordinal);
}

/** Null: the chain begins after it, or is empty. */
export function gtidOf(chain: Chain, ordinal: number): MysqlGtid | null {
  const run = runAt(chain, ordinal);
  return run === undefined ? null : { uuid: run.uuid, number: run.numberBefore + ordinal - run.after };
}

export function isGtidAt(gtid: Buffer, chain: Chain, ordinal: number): boolean {
  const run = runAt(chain, ordinal);
  if (run === undefined || gtid.compare(run.uuidBytes, 0, 16, 0, 16) !== 0) return false;
  return numberOf(gtid) === run.numberBefore + ordinal - run.after;
}

/** Null: the history has no place for it. */
export function ordinalOfGtid({ uuid, number }: MysqlGtid, chain: Chain): number | null {
  const run = runsOf(chain).findLast((each) => each.uuid === uuid && each.numberBefore < number);
  if (run === undefined) return null;
  const ordinal = run.after + number - run.numberBefore;
  return runAt(chain, ordinal) === run ? ordinal : null;
}

/** What a server has executed that has the history up to this ordinal. */
export function setUpTo(chain: Chain, ordinal: number): GtidSet {
  const runs = runsOf(chain);
  const last = new Map<string, number>();
  for (const [at, run] of runs.entries()) {
    const end = Math.min(ordinal, runs[at + 1]?.after ?? ordinal);
    if (end > run.after) last.set(run.uuid, run.numberBefore + end - run.after);
  }
  // In the order in which a server reports them.
  return new Map([...last].sort().map(([uuid, number]) => [uuid, [{ first: 1, last: number }]]));
}

/** Number of transactions in a position that a server reports. */
export function countOf(position: string): number {
  return sizeOfSet(parseGtidSet(position));
}

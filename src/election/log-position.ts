import { type Chain, type ChainPlace, comparePlaces } from '../model/chain.js';
import type { LogPosition } from '../model/election-messages.js';
import type { MemberList } from '../model/members.js';

/** Below 0 when `a` comes before `b`. */
export function comparePositions(a: LogPosition, b: LogPosition): number {
  return comparePlaces(a, b) || a.ordinal - b.ordinal;
}

/**
 * The entries that a log has reached which is durable up to this ordinal. Later ones are only known: they count nowhere
 * (rule E1), and whoever is elected without them drops them (rule E7).
 */
export function adoptedChain(chain: Chain, durable: number): Chain {
  let count = chain.length;
  while (count > 0 && (chain[count - 1]?.beginsAfter.ordinal ?? 0) > durable) count--;
  return count === chain.length ? chain : chain.slice(0, count);
}

/** Before the beginning of every log. */
const NOWHERE: ChainPlace = { epoch: -1, number: 0 };

export function positionOf(chain: Chain, durable: number): LogPosition {
  const { epoch, number } = adoptedChain(chain, durable).at(-1) ?? NOWHERE;
  return { epoch, number, ordinal: durable };
}

/** `2.0/17`: the log has reached entry 0 of epoch 2, and ends with ordinal 17. */
export function positionText({ epoch, number, ordinal }: LogPosition): string {
  return `${epoch}.${number}/${ordinal}`;
}

/**
 * The list of the entry that a log has reached last, which is entry `count` of the chain. An entry without a list was followed
 * by one that repeats its list, or by one that a majority has: whose log has not reached that one is not elected.
 */
export function listReached(chain: Chain, count: number): MemberList {
  return chain.slice(Math.max(0, count - 1)).find(({ members }) => members !== null)?.members ?? [];
}

const lists = new WeakMap<Chain, readonly MemberList[]>();

/**
 * The lists by which is counted: the newest, and the one before while the newest may not be on a majority of both (rule C11).
 */
export function listsOf(chain: Chain): readonly MemberList[] {
  const known = lists.get(chain);
  if (known) return known;
  const found = chain.flatMap(({ members }) => (members === null ? [] : [members])).reverse();
  lists.set(chain, found);
  return found;
}

/** The same for a log that has not reached all entries: of those, none counts but where it has taken a list over. */
export function listsReached(chain: Chain, durable: number): readonly MemberList[] {
  const reached = adoptedChain(chain, durable);
  if (reached === chain) return listsOf(chain);
  const list = listReached(chain, reached.length);
  return [list, ...listsOf(reached).filter((other) => other !== list)];
}

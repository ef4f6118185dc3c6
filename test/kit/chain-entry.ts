import type { ChainEntry } from '../../src/model/chain.js';
import type { MemberList } from '../../src/model/members.js';
import type { Position } from '../../src/model/position.js';

/** The beginning of an epoch of `n1`, for tests in which the members do not matter. */
export function epochEntry(
  epoch: number,
  beginsAfter: Position,
  members: MemberList | null = null,
): ChainEntry {
  return { epoch, number: 0, beginsAfter, primary: 'n1', members };
}

import { comparePlaces } from '../model/chain.js';
import type { Standing } from '../model/election-messages.js';
import { listsOf } from './log-position.js';
import { change, hearsPrimary, leaderOf, leaveRole, otherMembers, say, type Turn } from './turn.js';

/**
 * A node that was removed while it was away, and does not know the present primary, hears of that from whichever member it asks for a
 * vote. It gives up nothing by believing it: it still votes, and follows a primary that sends it heartbeats.
 */

/** It may be added again at another address, where nobody dials it. So it goes on asking, but seldom. */
const REMOVED_ASK_MS = 30_000;

/** Whether the members of this node's settled list, which follow a primary, do not include that node. */
export function isRemoved(turn: Turn, name: string): boolean {
  const { chain } = turn.state;
  if (!hearsPrimary(turn) || listsOf(chain).length !== 1) return false;
  const leader = leaderOf(turn);
  return (leader === null || leader.stage === 'lead') && !otherMembers(turn, chain).includes(name);
}

/** A member whose log has not reached as far as this node's list may not know yet that this node was added. */
export function knowsMore({ state }: Turn, { position }: Standing): boolean {
  const own = state.chain.at(-1);
  return own !== undefined && comparePlaces(position, own) > 0;
}

/** A member has said that this node was removed. */
export function stopAsking(turn: Turn, by: string): void {
  leaveRole(turn, `${by} says that it is no member`);
  if (turn.state.removedBy === null) say(turn, removalText(turn.options.node, by));
  change(turn, { removedBy: by, electionAtMs: turn.at.nowMs + REMOVED_ASK_MS });
}

export function removalText(node: string, by: string): string {
  return `${node} was removed from the cluster, ${by} says. It asks for no votes any more. Its data was not deleted. To use it again, add it on the primary (POST /v1/members), which finds it. Otherwise stop it.`;
}

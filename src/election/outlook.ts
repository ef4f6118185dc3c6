import { listInForce } from '../model/chain.js';
import type { LogPosition } from '../model/election-messages.js';
import { isWitnessNamed, type ListedMember, majorityOf } from '../model/members.js';
import { timelineOf } from '../model/timeline.js';
import { durationText } from '../std/duration-text.js';
import { comparePositions, positionText } from './log-position.js';
import { removalText } from './removal.js';
import type { ElectionState, Moment } from './state.js';
import {
  type ElectionContext,
  otherVoters,
  ownLists,
  ownPosition,
  ownTimeline,
  type Turn,
  turnOf,
} from './turn.js';

/** Who would be elected if the present primary were lost now, as this node sees it, and what stands against it. */
export interface Outlook {
  /** Null = nobody. With equal logs any of several may win; then the fittest of them, which gets the lead in the end. */
  readonly elected: string | null;
  /** About: when the process of the primary ends, and when it only falls silent. */
  readonly afterDeathMs: number;
  readonly afterSilenceMs: number;
  /** Whole sentences; none = nothing. */
  readonly against: readonly string[];
}

interface Voter {
  readonly name: string;
  readonly position: LogPosition;
  readonly abstains: string | null;
  readonly serves: boolean;
}

export function outlookOf(context: ElectionContext, state: ElectionState, at: Moment): Outlook {
  const turn = turnOf(context, state, at);
  const against: string[] = [];
  if (state.removedBy !== null) against.push(removalText(context.options.node, state.removedBy));
  const primary = primaryOf(turn);
  const { node } = context.options;
  const names = [node, ...otherVoters(turn, ownLists(turn))].filter((name) => name !== primary);
  const voters = names.flatMap((name) => voterOf(turn, name, against) ?? []);
  const able = voters.filter(({ name, abstains }) => {
    if (abstains !== null) against.push(`${name} neither votes nor is elected. ${abstains}`);
    return abstains === null;
  });
  if (state.chain.length === 0) against.push('This node has no list of members yet.');
  const hasMajority = againstMajority(turn, able, against);
  const ordered = able.toSorted(
    (a, b) => comparePositions(b.position, a.position) || Number(b.serves) - Number(a.serves),
  );
  const best = ordered[0];
  // A witness is elected only to hand over, so the node that gets the lead from it is the one to name.
  const isWitness = best !== undefined && isWitnessNamed(listInForce(state.chain), best.name);
  const heir = isWitness ? ordered.find(({ serves }) => serves) : best;
  for (const { name, position } of able)
    if (best && name !== heir?.name && comparePositions(position, best.position) < 0)
      against.push(
        `${name} cannot be elected: its log ends at ${positionText(position)}, that of ${best.name} at ${positionText(best.position)}.`,
      );
  if (best && hasMajority && heir?.serves !== true)
    against.push(
      isWitness
        ? `${best.name} is a witness, and no node that answers has a working server.`
        : `${best.name} has no working server: it would hand over to a node that has one.`,
    );
  const { pauseMaxMs, electionTimeoutMaxMs } = context.options;
  return {
    elected: hasMajority ? (heir?.name ?? null) : null,
    afterDeathMs: pauseMaxMs,
    afterSilenceMs: electionTimeoutMaxMs,
    against,
  };
}

function primaryOf({ state, options }: Turn): string | null {
  const { role } = state;
  if (role.kind === 'leader') return options.node;
  return role.kind === 'follower' ? (role.leader?.name ?? null) : null;
}

function voterOf(turn: Turn, name: string, against: string[]): Voter | null {
  const { state, at, options } = turn;
  if (name === options.node) {
    const { abstains, serves } = state.fitness;
    const why = abstains ?? otherTimeline(turn, state.promise.promisedEpoch);
    return { name, position: ownPosition(turn), abstains: why, serves: serves !== 'no' };
  }
  const view = state.peers.get(name);
  const silentMs = at.nowMs - (view?.heardAtMs ?? Number.NEGATIVE_INFINITY);
  if (!view || silentMs >= options.electionTimeoutMaxMs) {
    const since = Number.isFinite(silentMs)
      ? `was not heard for ${durationText(silentMs)}`
      : 'has not been heard yet';
    against.push(`${name} ${since}.`);
    return null;
  }
  const { position, abstains, promisedEpoch } = view.standing;
  return {
    name,
    position,
    abstains: otherTimeline(turn, promisedEpoch) ?? (abstains ? 'Its own status says why.' : null),
    serves: view.offer?.serves !== 'no',
  };
}

/** Why a node that has promised this epoch cannot vote for one whose log is that of this node; null = it can. */
function otherTimeline(turn: Turn, promisedEpoch: number): string | null {
  if (timelineOf(promisedEpoch) <= ownTimeline(turn)) return null;
  return `It has promised epoch ${promisedEpoch}, which was begun by force (skein promote --force), and takes part only in what follows from that.`;
}

function againstMajority(turn: Turn, able: readonly Voter[], against: string[]): boolean {
  const lists = ownLists(turn);
  let enough = lists.length > 0;
  for (const list of lists) {
    const voters = list.filter(({ voter }) => voter);
    const there = voters.filter((member) =>
      able.some(({ name }) => name === member.name && counts(turn, member)),
    );
    const needed = majorityOf(voters.length);
    if (there.length >= needed) continue;
    enough = false;
    against.push(
      `${needed} of the ${voters.length} voters have to elect a primary, and${primaryOf(turn) === null ? '' : ' without the present one'} only ${there.length} would vote (${there.map(({ name }) => name).join(', ') || 'none'}).`,
    );
  }
  return enough;
}

function counts({ state, options, rules }: Turn, member: ListedMember): boolean {
  const incarnation =
    member.name === options.node ? options.incarnation : state.peers.get(member.name)?.standing.incarnation;
  return incarnation !== undefined && rules.isListed(member, incarnation);
}

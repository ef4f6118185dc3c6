import type { LogPosition } from '../model/election-messages.js';
import { type ListedMember, type MemberList, memberNamed } from '../model/members.js';
import { forcedEpoch, timelineOf } from '../model/timeline.js';
import { campaignFor, campaignRefusal } from './campaign.js';
import { comparePositions, listReached, positionText } from './log-position.js';
import type { ElectionState, Fitness, Moment, PeerView } from './state.js';
import {
  chainOf,
  type ElectionContext,
  hearsPrimary,
  leaveRole,
  ownLists,
  ownPosition,
  ownTimeline,
  say,
  type Turn,
  turnOf,
} from './turn.js';

/**
 * An operator makes this node the primary although no majority can elect one, because too many voters are gone for good. What was
 * acknowledged and is not in this node's log is given up. It is refused while the cluster can help itself. Pure.
 */

/** What was seen of another member. */
export interface SeenMember {
  readonly name: string;
  readonly voter: boolean;
  /** Where its log ended when it was last heard; null = that is not known. */
  readonly position: LogPosition | null;
  /** Null = it was not heard since this node's start. */
  readonly heardMs: number | null;
}

export const FORCE_REFUSALS = ['FORCE_NOT_NEEDED', 'FORCE_LOG_SHORTER', 'FORCE_IMPOSSIBLE'] as const;

export interface ForceRefusal {
  readonly code: (typeof FORCE_REFUSALS)[number];
  /** A whole sentence. */
  readonly reason: string;
}

export interface ForcePlan {
  /** The epoch that would begin; null = it is refused. */
  readonly epoch: number | null;
  /** The end of this node's log. What comes after it is given up. */
  readonly position: LogPosition;
  readonly others: readonly SeenMember[];
  /** Whether the server of this node could serve. */
  readonly serves: Fitness['serves'];
  readonly refusals: readonly ForceRefusal[];
}

/** In election time-outs: a node that hears no primary asks all voters about once in each. */
const HEARD_TIMEOUTS = 2;
/** Campaigns in vain before it is known who answers. */
const TRIES_MIN = 2;

/** What an order would do now. `withShorterLog`: also when a member that answers has a longer log. Changes nothing. */
export function forcePlanOf(
  context: ElectionContext,
  state: ElectionState,
  at: Moment,
  withShorterLog: boolean,
): ForcePlan {
  return forcePlan(turnOf(context, state, at), withShorterLog);
}

function forcePlan(turn: Turn, withShorterLog: boolean): ForcePlan {
  const { state, options } = turn;
  const list = listReached(state.chain, chainOf(turn).length);
  const epoch = epochFor(turn, list);
  const refusals = [
    ...impossible(turn, list, epoch).map((reason): ForceRefusal => ({ code: 'FORCE_IMPOSSIBLE', reason })),
    ...notNeeded(turn).map((reason): ForceRefusal => ({ code: 'FORCE_NOT_NEEDED', reason })),
    ...(withShorterLog ? [] : longerLogs(turn, list)),
  ];
  return {
    epoch: refusals.length === 0 ? epoch : null,
    position: ownPosition(turn),
    serves: state.fitness.serves,
    others: list.filter(({ name }) => name !== options.node).map((member) => seen(turn, member)),
    refusals,
  };
}

export function orderForce(turn: Turn, { withShorterLog }: { readonly withShorterLog: boolean }): void {
  const { epoch, position, refusals } = forcePlan(turn, withShorterLog);
  const [first] = refusals;
  if (first !== undefined || epoch === null) {
    const reason = refusals.map((refusal) => refusal.reason).join(' ');
    turn.effects.push({ kind: 'refused', code: first?.code ?? 'FORCE_IMPOSSIBLE', reason });
    return;
  }
  const end = positionText(position);
  say(
    turn,
    `An operator makes this node the primary by force. What was acknowledged after ${end}, the end of its log, is given up.`,
  );
  leaveRole(turn, 'an operator begins another epoch by force');
  campaignFor(turn, epoch, false, true);
}

function epochFor({ state, options }: Turn, list: MemberList): number | null {
  const promised = [...state.peers.values()].map(({ standing }) => standing.promisedEpoch);
  const known = Math.max(state.promise.promisedEpoch, state.seenEpoch, ...promised);
  const names = list.map(({ name }) => name).sort();
  return forcedEpoch(known, Math.max(0, names.indexOf(options.node)));
}

function seen({ state, at }: Turn, { name, voter }: ListedMember): SeenMember {
  const view = state.peers.get(name);
  const heardMs = view === undefined ? Number.POSITIVE_INFINITY : Math.round(at.nowMs - view.heardAtMs);
  return {
    ...{ name, voter, position: view?.standing.position ?? null },
    heardMs: Number.isFinite(heardMs) ? heardMs : null,
  };
}

function impossible({ state, options }: Turn, list: MemberList, epoch: number | null): string[] {
  const reasons: string[] = [];
  if (state.fitness.abstains !== null) reasons.push(state.fitness.abstains);
  if (memberNamed(list, options.node) === null)
    reasons.push('This node is on no list of members that its log has reached.');
  if (state.task !== null) reasons.push('A promise of this node is being written. Try again.');
  if (epoch === null) reasons.push('There is no further number for an epoch that begins by force.');
  return reasons;
}

function notNeeded(turn: Turn): string[] {
  const { role, peers, tries } = turn.state;
  if (role.kind === 'leader' && (!role.isSuspended || role.transfer !== null))
    return ['This node is the primary.'];
  if (role.kind === 'candidate') return ['This node asks for votes just now. Try again.'];
  if (hearsPrimary(turn))
    return ['This node hears a primary. Another one is made the primary in order by skein switchover.'];
  const hasAsked = tries >= TRIES_MIN || role.kind === 'leader' || campaignRefusal(turn) !== null;
  if (!hasAsked)
    return [
      'This node has not asked all others yet whether they would vote for it. Try again in some seconds.',
    ];
  for (const [name, view] of peers)
    if (isHeard(turn, view) && view.hearsPrimary === true) return [`${name} answers, and hears a primary.`];
  if (!turn.rules.isMajority(ownLists(turn), (member) => canVote(turn, member))) return [];
  return ['A majority of the voters answers, so a primary is elected without force.'];
}

function isHeard({ at, options }: Turn, { heardAtMs }: PeerView): boolean {
  return at.nowMs - heardAtMs < HEARD_TIMEOUTS * options.electionTimeoutMaxMs;
}

function canVote(turn: Turn, member: ListedMember): boolean {
  const { state, options, rules } = turn;
  const timeline = ownTimeline(turn);
  if (member.name === options.node)
    return (
      rules.isListed(member, options.incarnation) && timelineOf(state.promise.promisedEpoch) === timeline
    );
  const view = state.peers.get(member.name);
  if (view === undefined || !isHeard(turn, view)) return false;
  const { incarnation, abstains, promisedEpoch } = view.standing;
  return !abstains && rules.isListed(member, incarnation) && timelineOf(promisedEpoch) <= timeline;
}

/** Members that answer, and have more: one of them is the better primary. */
function longerLogs(turn: Turn, list: MemberList): ForceRefusal[] {
  const own = ownPosition(turn);
  return list.flatMap((member): ForceRefusal[] => {
    const view = turn.state.peers.get(member.name);
    if (view === undefined || !isHeard(turn, view)) return [];
    const { incarnation, abstains, position } = view.standing;
    if (abstains || !turn.rules.isListed(member, incarnation) || comparePositions(position, own) <= 0)
      return [];
    const reason = `${member.name} answers, and has a longer log (${positionText(position)}) than this node (${positionText(own)}). Give the order to ${member.name}.`;
    return [{ code: 'FORCE_LOG_SHORTER', reason }];
  });
}

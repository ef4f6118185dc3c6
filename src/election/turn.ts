import { type Chain, currentEpoch, listInForce } from '../model/chain.js';
import type { ElectionMessage, LogPosition, Offer, Standing } from '../model/election-messages.js';
import { isWitnessNamed, type MemberList, memberNamed } from '../model/members.js';
import { timelineOf } from '../model/timeline.js';
import { adoptedChain, listsOf, listsReached } from './log-position.js';
import type { ElectionOptions } from './options.js';
import type { ElectionRules } from './rules.js';
import type { ElectionEffect, ElectionRole, ElectionState, Follower, Leader, Moment } from './state.js';

export interface ElectionContext {
  readonly options: ElectionOptions;
  readonly rules: ElectionRules;
}

/** One step while it is taken: the state so far, a copy that nobody else has, and the effects so far. */
export interface Turn extends ElectionContext {
  readonly state: ElectionState;
  readonly at: Moment;
  readonly effects: ElectionEffect[];
}

/** Copies field by field: this is several times as fast as a spread, and the simulation takes millions of steps. */
export function turnOf({ options, rules }: ElectionContext, state: ElectionState, at: Moment): Turn {
  const { chain, keptChain, promise, task, role, fitness, setBack, peers } = state;
  const { seenEpoch, electionAtMs, tries, tickAtMs, removedBy } = state;
  const kept = { chain, keptChain, promise, task, role, fitness, setBack, peers };
  const copy = { ...kept, seenEpoch, electionAtMs, tries, tickAtMs, removedBy };
  return { options, rules, at, effects: [], state: copy };
}

export function change(turn: Turn, changes: Partial<ElectionState>): void {
  Object.assign(turn.state, changes);
}

export function become(turn: Turn, role: ElectionRole): void {
  Object.assign(turn.state, { role });
}

export function say(turn: Turn, text: string): void {
  turn.effects.push({ kind: 'said', text });
}

export function send(turn: Turn, to: string, message: ElectionMessage): void {
  turn.effects.push({ kind: 'send', to, message });
}

/** The newest heartbeat of this primary. */
export function sendHeartbeat(turn: Turn, leader: Leader, to: readonly string[]): void {
  const { epoch, campaign, isSuspended, transfer, beats } = leader;
  const isAnswered = !isSuspended || transfer !== null;
  const number = beats.at(-1)?.number ?? 0;
  for (const name of to) send(turn, name, { kind: 'heartbeat', epoch, campaign, number, isAnswered });
}

/** The chain as far as this node's log has reached it. */
export function chainOf({ state, at }: Turn): Chain {
  return adoptedChain(state.chain, at.log.ordinal);
}

/** The timeline that this node's log has reached. */
export function ownTimeline(turn: Turn): number {
  return timelineOf(currentEpoch(chainOf(turn)));
}

export function ownPosition({ state, at, rules }: Turn): LogPosition {
  return rules.position(state.chain, at.log.ordinal);
}

export function standingOf(turn: Turn): Standing {
  const { incarnation, boot } = turn.options;
  return {
    incarnation,
    boot,
    // What may still be lost in a crash is shown to nobody: peers would take its loss for a disk that was set back.
    promisedEpoch: turn.state.task?.keptEpoch ?? turn.state.promise.promisedEpoch,
    position: turn.rules.position(turn.state.keptChain, turn.at.log.ordinal),
    abstains: turn.state.fitness.abstains !== null,
  };
}

export function offerOf({ state, at }: Turn): Offer {
  const { serves, maintenance, priority } = state.fitness;
  return { serves, maintenance, priority, applied: at.applied };
}

/** By which this node's campaigns are counted. */
export function ownLists({ state, at }: Turn): readonly MemberList[] {
  return listsReached(state.chain, at.log.ordinal);
}

/** Names of the voters of these lists, without this node. */
export function otherVoters(turn: Turn, lists: readonly MemberList[]): string[] {
  const names = new Set<string>();
  for (const list of lists) for (const { name, voter } of list) if (voter) names.add(name);
  names.delete(turn.options.node);
  return [...names];
}

/** All members besides this node, also one that is being removed. */
export function otherMembers(turn: Turn, chain: Chain): string[] {
  const names = new Set(listsOf(chain).flatMap((list) => list.map(({ name }) => name)));
  names.delete(turn.options.node);
  return [...names];
}

/** Whether this node's disk is one of the voters of a list that counts. */
export function isVoter({ options, rules }: Turn, lists: readonly MemberList[]): boolean {
  return lists.some((list) =>
    list.some(
      (member) => member.voter && member.name === options.node && rules.isListed(member, options.incarnation),
    ),
  );
}

/** Whether this disk is of a member, voter or not, by the lists that count. */
export function isListedMember({ rules }: Turn, chain: Chain, name: string, incarnation: string): boolean {
  return listsOf(chain).some((list) => {
    const member = memberNamed(list, name);
    return member?.voter === true && rules.isListed(member, incarnation);
  });
}

/** This node has no database server, so it has the lead only to hand it over. */
export function isOwnWitness({ state, options }: Turn): boolean {
  return isWitnessNamed(listInForce(state.chain), options.node);
}

/**
 * A witness would only hand over again. So on its first try it lets the others go first; after that it may be the one whose log
 * is needed (rule E14). `ms`: the longest that the others wait.
 */
function headStartMs(turn: Turn, ms: number): number {
  return turn.state.tries === 0 && isOwnWitness(turn) ? ms : 0;
}

/** The election time-out begins anew. */
export function restartTimeout(turn: Turn): void {
  const { electionTimeoutMinMs: min, electionTimeoutMaxMs: max } = turn.options;
  const laterMs = headStartMs(turn, max - min);
  change(turn, { electionAtMs: turn.at.nowMs + min + laterMs + turn.at.random * (max - min) });
}

/**
 * There is nothing to wait for: the next try comes after a short random pause, or earlier if it was due. After each try in
 * vain the pauses are twice as long: two nodes with slow disks must not cross each other for ever.
 */
export function hurry(turn: Turn): void {
  const { pauseMinMs, pauseMaxMs, electionTimeoutMinMs } = turn.options;
  const maxMs = Math.min(pauseMaxMs * 2 ** turn.state.tries, electionTimeoutMinMs);
  const laterMs = headStartMs(turn, pauseMaxMs);
  const soonMs = turn.at.nowMs + pauseMinMs + laterMs + turn.at.random * Math.max(0, maxMs - pauseMinMs);
  if (soonMs < turn.state.electionAtMs) change(turn, { electionAtMs: soonMs });
}

/** Whether this node still hears a primary, or is one that hears a majority: then nobody else is wanted. */
export function hearsPrimary({ state, at, options }: Turn): boolean {
  const { role } = state;
  if (role.kind === 'leader') return !role.isSuspended && role.transfer?.stage !== 'sent';
  if (role.kind !== 'follower' || role.leader === null) return false;
  const { heardAtMs } = role.leader;
  return heardAtMs !== null && at.nowMs - heardAtMs < options.electionTimeoutMinMs;
}

export const NO_LEADER: Follower = { kind: 'follower', leader: null };

/** The role that this node has ends; it is a follower without a primary. */
export function leaveRole(turn: Turn, reason: string): void {
  const { role } = turn.state;
  if (role.kind === 'leader') {
    turn.effects.push({ kind: 'stepDown', epoch: role.epoch, reason });
    say(turn, `It is not the primary of epoch ${role.epoch} any more: ${reason}.`);
  }
  become(turn, NO_LEADER);
  restartTimeout(turn);
}

export function leaderOf({ state }: Turn): Leader | null {
  return state.role.kind === 'leader' ? state.role : null;
}

/**
 * Which members are alive, as the primary sees them. Pure: (state, event) -> (state, effects). The driver owns the clock
 * and the sessions.
 *
 *              attached                heartbeat
 *   (expected) --------> [ joining ] -----------> [ live ] <---.
 *        |                ^  ^   |                  |          | heartbeat
 *        |       attached |  |   | silent,          | silent for `lateAfterMs`, closed
 *        |                |  |   | closed           v          |
 *        |                |  |   '------------> [ late ] ------'
 *        |                |  '--- attached -------- |
 *        |                |                         | silent for `goneAfterMs`
 *        |                '------ attached -- [ gone ] <--------'   effect: clean up (session, cursor, buffers)
 *        '--------------------------------------^  did not connect for `goneAfterMs`
 *
 * Invariants, checked by the tests after each step:
 *  1 a member is live only while a session is attached and sent a heartbeat within `goneAfterMs` before the last tick
 *  2 events of a session count only while it is the member's newest session
 *  3 a gone member has no session, and each ended session is cleaned up exactly once
 *  4 every change of state, and nothing else, is an effect `changed`
 *  5 `sinceMs` changes only when the state changes
 * The state never decides which member counts in the quorum: the voters are a separate list
 * (docs/safety.md, "What holds where two readings are possible").
 */
import type { MemberState } from '../model/status.js';
import { durationText } from '../std/duration-text.js';

export interface MembershipOptions {
  readonly heartbeatIntervalMs: number;
  /** Three missed heartbeats. */
  readonly lateAfterMs: number;
  readonly goneAfterMs: number;
}

export interface Member {
  readonly name: string;
  readonly state: MemberState;
  /** Monotonic ms of the last change of `state`. */
  readonly sinceMs: number;
  /** Number of the member's newest session while that is attached. */
  readonly session: number | null;
  /**
   * Monotonic ms of the last heartbeat, plus the time in which this process did not run; null = the member never
   * connected.
   */
  readonly heardAtMs: number | null;
  /** For people; null while live. */
  readonly reason: string | null;
}

export interface MembersState {
  readonly members: ReadonlyMap<string, Member>;
  readonly tickAtMs: number | null;
}

export type MemberEvent =
  /** The member is on the list of members. A known member keeps its state. */
  | { readonly kind: 'expected'; readonly member: string; readonly nowMs: number }
  /** The member is no longer on the list. */
  | { readonly kind: 'removed'; readonly member: string }
  /** `session` numbers grow and are never used twice. */
  | { readonly kind: 'attached'; readonly member: string; readonly session: number; readonly nowMs: number }
  | { readonly kind: 'heartbeat'; readonly member: string; readonly session: number; readonly nowMs: number }
  | {
      readonly kind: 'closed';
      readonly member: string;
      readonly session: number;
      readonly reason: string;
      readonly nowMs: number;
    }
  | { readonly kind: 'tick'; readonly nowMs: number };

export type MemberEffect =
  | {
      readonly kind: 'changed';
      readonly member: string;
      /** Null: the member was not on the list. */
      readonly from: MemberState | null;
      readonly to: MemberState;
      readonly reason: string;
    }
  /** Close the session and free its resources. */
  | { readonly kind: 'cleanup'; readonly member: string; readonly session: number };

export interface MembersStep {
  readonly state: MembersState;
  readonly effects: readonly MemberEffect[];
}

export const NO_MEMBERS: MembersState = { members: new Map(), tickAtMs: null };

interface MemberStep {
  readonly member: Member;
  readonly effects: readonly MemberEffect[];
}

export function step(options: MembershipOptions, state: MembersState, event: MemberEvent): MembersStep {
  if (event.kind === 'tick') return tick(options, state, event.nowMs);
  if (event.kind === 'removed') return removed(state, event.member);
  const next = memberStep(state.members.get(event.member), event);
  if (next === null) return { state, effects: [] };
  const members = new Map(state.members).set(event.member, next.member);
  return { state: { ...state, members }, effects: next.effects };
}

function memberStep(
  member: Member | undefined,
  event: Exclude<MemberEvent, { kind: 'tick' | 'removed' }>,
): MemberStep | null {
  switch (event.kind) {
    case 'expected':
      return member === undefined ? expected(event.member, event.nowMs) : null;
    case 'attached':
      return attached(member, event.member, event.session, event.nowMs);
    case 'heartbeat':
      return member !== undefined && member.session === event.session ? heartbeat(member, event.nowMs) : null;
    case 'closed':
      return member !== undefined && member.session === event.session
        ? closed(member, event.session, event.reason, event.nowMs)
        : null;
  }
}

function removed(state: MembersState, name: string): MembersStep {
  const session = state.members.get(name)?.session ?? null;
  const members = new Map(state.members);
  members.delete(name);
  const effects: MemberEffect[] = session === null ? [] : [{ kind: 'cleanup', member: name, session }];
  return { state: { ...state, members }, effects };
}

function expected(name: string, nowMs: number): MemberStep {
  const reason = 'it has not connected yet';
  const member: Member = { name, state: 'joining', sinceMs: nowMs, session: null, heardAtMs: null, reason };
  return { member, effects: [changed(member, null)] };
}

function attached(old: Member | undefined, name: string, session: number, nowMs: number): MemberStep {
  const reason = old?.state === 'gone' ? 'it has connected again' : 'it has connected';
  const base: Member = old ?? {
    name,
    state: 'joining',
    sinceMs: nowMs,
    session: null,
    heardAtMs: null,
    reason,
  };
  const effects: MemberEffect[] = [];
  if (base.session !== null) effects.push({ kind: 'cleanup', member: name, session: base.session });
  const next = moved({ ...base, session, heardAtMs: nowMs }, 'joining', reason, nowMs);
  if (old === undefined) effects.push(changed(next.member, null));
  return { member: next.member, effects: [...effects, ...next.effects] };
}

function heartbeat(member: Member, nowMs: number): MemberStep {
  return moved({ ...member, heardAtMs: nowMs }, 'live', 'heartbeats arrive', nowMs);
}

/** A closed link makes a member late, not gone, because a replica usually connects again within a second. */
function closed(member: Member, session: number, why: string, nowMs: number): MemberStep {
  const next = moved({ ...member, session: null }, 'late', `its link has ended: ${why}`, nowMs);
  return {
    member: next.member,
    effects: [...next.effects, { kind: 'cleanup', member: member.name, session }],
  };
}

function tick(options: MembershipOptions, state: MembersState, nowMs: number): MembersStep {
  const sleptMs = sleptSince(options, state.tickAtMs, nowMs);
  const members = new Map<string, Member>();
  const effects: MemberEffect[] = [];
  for (const member of state.members.values()) {
    const next = aged(options, excused(member, sleptMs), nowMs);
    members.set(member.name, next.member);
    effects.push(...next.effects);
  }
  return { state: { members, tickAtMs: nowMs }, effects };
}

/** While this process did not run (SIGSTOP, CPU shortage) it received no heartbeats. That time does not count as silence. */
function sleptSince(options: MembershipOptions, tickAtMs: number | null, nowMs: number): number {
  const elapsedMs = tickAtMs === null ? 0 : nowMs - tickAtMs;
  return elapsedMs > 2 * options.heartbeatIntervalMs ? elapsedMs - options.heartbeatIntervalMs : 0;
}

function excused(member: Member, sleptMs: number): Member {
  if (sleptMs === 0) return member;
  // The member never connected. Its time counts from `sinceMs`, which the status shows, so that value stays.
  return member.heardAtMs === null ? member : { ...member, heardAtMs: member.heardAtMs + sleptMs };
}

function aged(options: MembershipOptions, member: Member, nowMs: number): MemberStep {
  if (member.state === 'gone') return { member, effects: [] };
  const silentMs = nowMs - (member.heardAtMs ?? member.sinceMs);
  if (silentMs >= options.goneAfterMs) return gone(member, silentMs, nowMs);
  if (silentMs < options.lateAfterMs || member.state === 'late' || member.heardAtMs === null) {
    return { member, effects: [] };
  }
  return moved(member, 'late', `no heartbeat for ${durationText(silentMs)}`, nowMs);
}

function gone(member: Member, silentMs: number, nowMs: number): MemberStep {
  const why =
    member.heardAtMs === null
      ? `it has not connected for ${durationText(silentMs)}`
      : `no heartbeat for ${durationText(silentMs)}`;
  const next = moved({ ...member, session: null }, 'gone', why, nowMs);
  if (member.session === null) return next;
  const cleanup: MemberEffect = { kind: 'cleanup', member: member.name, session: member.session };
  return { member: next.member, effects: [...next.effects, cleanup] };
}

function moved(member: Member, to: MemberState, reason: string, nowMs: number): MemberStep {
  const kept = to === 'live' ? null : reason;
  if (member.state === to) return { member: { ...member, reason: kept }, effects: [] };
  const next: Member = { ...member, state: to, sinceMs: nowMs, reason: kept };
  return {
    member: next,
    effects: [{ kind: 'changed', member: member.name, from: member.state, to, reason }],
  };
}

function changed(member: Member, from: MemberState | null): MemberEffect {
  return { kind: 'changed', member: member.name, from, to: member.state, reason: member.reason ?? '' };
}

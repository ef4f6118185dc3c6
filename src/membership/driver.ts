import type { MemberState, MemberStatus } from '../model/status.js';
import { monotonicMs } from '../std/clock.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import type { HeartbeatBody } from '../wire/messages.js';
import {
  type Member,
  type MemberEffect,
  type MemberEvent,
  type MembershipOptions,
  type MembersState,
  NO_MEMBERS,
  step,
} from './state.js';
import { type MemberFacts, memberStatus } from './status.js';

/** What membership needs of the session of an attached replica (link/listener-session.ts). */
export interface MemberSession {
  readonly node: string;
  readonly attach: MemberFacts['attach'] & object;
  readonly onHeartbeat: Pick<Emitter<HeartbeatBody>, 'on'>;
  readonly onClosed: Emitter<string>;
  close(reason: string): void;
}

export interface MemberChange {
  readonly member: string;
  /** Null: the member was not on the list before. */
  readonly from: MemberState | null;
  readonly to: MemberState;
  readonly reason: string;
  /** ISO time. */
  readonly at: string;
}

export interface MembershipDriverOptions extends Partial<MembershipOptions> {
  /** Whether the member of this name counts in the quorum. */
  isVoter(name: string): boolean;
  isWitness(name: string): boolean;
}

export interface MembershipModules {
  readonly logger: Logger;
  /** Monotonic and wall clock in ms; for tests. */
  readonly clock?: { monotonicMs(): number; wallMs(): number };
}

const DEFAULTS = { heartbeatIntervalMs: 500, goneAfterMs: 10_000 } as const;
const MISSED_HEARTBEATS = 3;
const SYSTEM_CLOCK = { monotonicMs, wallMs: () => Date.now() };

interface Attached {
  readonly number: number;
  readonly session: MemberSession;
}

/**
 * The primary's view of its replicas: feeds the pure state with sessions and time, and closes the sessions of gone
 * replicas. A part that keeps state for a session frees it at the session's `onClosed`.
 */
export class Membership {
  readonly onChange = new Emitter<MemberChange>();
  readonly #options: MembershipOptions;
  readonly #isVoter: (name: string) => boolean;
  readonly #isWitness: (name: string) => boolean;
  readonly #logger: Logger;
  readonly #clock: { monotonicMs(): number; wallMs(): number };
  readonly #sessions = new Map<number, Attached>();
  readonly #heartbeats = new Map<string, HeartbeatBody>();
  readonly #attaches = new Map<string, MemberSession['attach']>();
  readonly #since = new Map<string, string>();
  #state: MembersState = NO_MEMBERS;
  #sessionCount = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: MembershipDriverOptions, modules: MembershipModules) {
    const heartbeatIntervalMs = options.heartbeatIntervalMs ?? DEFAULTS.heartbeatIntervalMs;
    this.#options = {
      heartbeatIntervalMs,
      lateAfterMs: options.lateAfterMs ?? MISSED_HEARTBEATS * heartbeatIntervalMs,
      goneAfterMs: options.goneAfterMs ?? DEFAULTS.goneAfterMs,
    };
    this.#isVoter = options.isVoter;
    this.#isWitness = options.isWitness;
    this.#logger = modules.logger;
    this.#clock = modules.clock ?? SYSTEM_CLOCK;
  }

  /** The replicas of the cluster. A new one is expected to connect. A replica that is no longer named is forgotten. */
  setMembers(names: readonly string[]): void {
    for (const member of this.#state.members.keys()) {
      if (names.includes(member)) continue;
      this.#step({ kind: 'removed', member });
      for (const kept of [this.#heartbeats, this.#attaches, this.#since]) kept.delete(member);
    }
    for (const member of names) this.#step({ kind: 'expected', member, nowMs: this.#now() });
  }

  start(): void {
    // Twice per heartbeat interval, so that a state is at most half an interval old.
    this.#timer ??= setInterval(() => this.tick(), this.#options.heartbeatIntervalMs / 2);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Called when a replica has attached. */
  attach(session: MemberSession): void {
    const number = ++this.#sessionCount;
    const member = session.node;
    this.#sessions.set(number, { number, session });
    this.#attaches.set(member, session.attach);
    session.onHeartbeat.on((heartbeat) => {
      if (this.#state.members.get(member)?.session !== number) return;
      this.#heartbeats.set(member, heartbeat);
      this.#step({ kind: 'heartbeat', member, session: number, nowMs: this.#now() });
    });
    session.onClosed.on((reason) => {
      this.#sessions.delete(number);
      this.#step({ kind: 'closed', member, session: number, reason, nowMs: this.#now() });
    });
    this.#step({ kind: 'attached', member, session: number, nowMs: this.#now() });
  }

  /** Called by the timer, and directly by tests. */
  tick(): void {
    this.#step({ kind: 'tick', nowMs: this.#now() });
  }

  state(name: string): MemberState | null {
    return this.#state.members.get(name)?.state ?? null;
  }

  /** The replicas' entries of the status document, sorted by name. */
  list(): MemberStatus[] {
    return [...this.#state.members.values()]
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
      .map((member) => this.#status(member));
  }

  #status(member: Member): MemberStatus {
    const nowMs = this.#now();
    return memberStatus({
      name: member.name,
      state: member.state,
      voter: this.#isVoter(member.name),
      witness: this.#isWitness(member.name),
      heartbeat: this.#heartbeats.get(member.name) ?? null,
      attach: this.#attaches.get(member.name) ?? null,
      lastHeartbeatMs: member.heardAtMs === null ? null : Math.max(0, Math.round(nowMs - member.heardAtMs)),
      since: this.#since.get(member.name) ?? '',
      reason: member.reason,
    });
  }

  #now(): number {
    return this.#clock.monotonicMs();
  }

  #step(event: MemberEvent): void {
    const next = step(this.#options, this.#state, event);
    this.#state = next.state;
    for (const effect of next.effects) this.#carryOut(effect);
  }

  #carryOut(effect: MemberEffect): void {
    if (effect.kind === 'cleanup') {
      const attached = this.#sessions.get(effect.session);
      this.#sessions.delete(effect.session);
      attached?.session.close(`${effect.member} counts as gone`);
      return;
    }
    const { member, from, to, reason } = effect;
    const data = { member, from, to, reason };
    if (to === 'late' || to === 'gone') this.#logger.warn(data, 'member state');
    else this.#logger.info(data, 'member state');
    const at = new Date(this.#clock.wallMs()).toISOString();
    this.#since.set(member, at);
    this.onChange.emit({ member, from, to, reason, at });
  }
}

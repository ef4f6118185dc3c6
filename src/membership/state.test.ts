import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MemberState } from '../model/status.js';
import {
  type Member,
  type MemberEffect,
  type MemberEvent,
  type MembershipOptions,
  type MembersState,
  NO_MEMBERS,
  step,
} from './state.js';

const OPTIONS: MembershipOptions = { heartbeatIntervalMs: 500, lateAfterMs: 1500, goneAfterMs: 10_000 };
const NOW = 100_000;

/** Every state of a member at the time NOW, with and without a session. */
const STARTS: Record<string, Member> = {
  expected: { name: 'n2', state: 'joining', sinceMs: NOW, session: null, heardAtMs: null, reason: 'r' },
  joining: { name: 'n2', state: 'joining', sinceMs: NOW, session: 1, heardAtMs: NOW, reason: 'r' },
  live: { name: 'n2', state: 'live', sinceMs: NOW, session: 1, heardAtMs: NOW, reason: null },
  lateLinked: { name: 'n2', state: 'late', sinceMs: NOW, session: 1, heardAtMs: NOW - 2000, reason: 'r' },
  lateCut: { name: 'n2', state: 'late', sinceMs: NOW, session: null, heardAtMs: NOW - 2000, reason: 'r' },
  gone: { name: 'n2', state: 'gone', sinceMs: NOW, session: null, heardAtMs: NOW - 20_000, reason: 'r' },
};

const EVENTS: Record<string, MemberEvent> = {
  expected: { kind: 'expected', member: 'n2', nowMs: NOW + 1 },
  attached: { kind: 'attached', member: 'n2', session: 2, nowMs: NOW + 1 },
  heartbeat: { kind: 'heartbeat', member: 'n2', session: 1, nowMs: NOW + 1 },
  staleHeartbeat: { kind: 'heartbeat', member: 'n2', session: 0, nowMs: NOW + 1 },
  closed: { kind: 'closed', member: 'n2', session: 1, reason: 'cut', nowMs: NOW + 1 },
  staleClosed: { kind: 'closed', member: 'n2', session: 0, reason: 'cut', nowMs: NOW + 1 },
  tickSoon: { kind: 'tick', nowMs: NOW + 500 },
  tickLate: { kind: 'tick', nowMs: NOW + 1500 },
  tickGone: { kind: 'tick', nowMs: NOW + 10_000 },
};

/** start, event -> next state, and `*` when a session is cleaned up. The table has every pair. */
const TABLE: Record<keyof typeof STARTS, Record<keyof typeof EVENTS, string>> = {
  expected: {
    expected: 'joining',
    attached: 'joining',
    heartbeat: 'joining',
    staleHeartbeat: 'joining',
    closed: 'joining',
    staleClosed: 'joining',
    tickSoon: 'joining',
    tickLate: 'joining',
    tickGone: 'gone',
  },
  joining: {
    expected: 'joining',
    attached: 'joining*',
    heartbeat: 'live',
    staleHeartbeat: 'joining',
    closed: 'late*',
    staleClosed: 'joining',
    tickSoon: 'joining',
    tickLate: 'late',
    tickGone: 'gone*',
  },
  live: {
    expected: 'live',
    attached: 'joining*',
    heartbeat: 'live',
    staleHeartbeat: 'live',
    closed: 'late*',
    staleClosed: 'live',
    tickSoon: 'live',
    tickLate: 'late',
    tickGone: 'gone*',
  },
  lateLinked: {
    expected: 'late',
    attached: 'joining*',
    heartbeat: 'live',
    staleHeartbeat: 'late',
    closed: 'late*',
    staleClosed: 'late',
    tickSoon: 'late',
    tickLate: 'late',
    tickGone: 'gone*',
  },
  lateCut: {
    expected: 'late',
    attached: 'joining',
    heartbeat: 'late',
    staleHeartbeat: 'late',
    closed: 'late',
    staleClosed: 'late',
    tickSoon: 'late',
    tickLate: 'late',
    tickGone: 'gone',
  },
  gone: {
    expected: 'gone',
    attached: 'joining',
    heartbeat: 'gone',
    staleHeartbeat: 'gone',
    closed: 'gone',
    staleClosed: 'gone',
    tickSoon: 'gone',
    tickLate: 'gone',
    tickGone: 'gone',
  },
};

describe('the transition table', () => {
  for (const [start, member] of Object.entries(STARTS)) {
    for (const [name, event] of Object.entries(EVENTS)) {
      test(`${start}, ${name}`, () => {
        // tickAtMs null: the process counts as running all the time, so all of the silence counts.
        const before: MembersState = { members: new Map([['n2', member]]), tickAtMs: null };
        const after = step(OPTIONS, before, event);
        const cleaned = after.effects.filter((effect) => effect.kind === 'cleanup').length;
        const state = after.state.members.get('n2')?.state;
        expect(`${state}${'*'.repeat(cleaned)}`).toBe(TABLE[start]?.[name]);
        expect(changes(after.effects)).toEqual(state === member.state ? [] : [`${member.state}>${state}`]);
      });
    }
  }
});

test('an unknown member comes onto the list when it attaches or is expected', () => {
  for (const kind of ['attached', 'expected'] as const) {
    const { state, effects } = step(OPTIONS, NO_MEMBERS, {
      kind,
      member: 'n9',
      session: 1,
      nowMs: 1,
    } as MemberEvent);
    expect(state.members.get('n9')?.state).toBe('joining');
    expect(changes(effects)).toEqual(['null>joining']);
  }
  for (const event of [EVENTS.heartbeat, EVENTS.closed] as MemberEvent[]) {
    expect(step(OPTIONS, NO_MEMBERS, event).state.members.size).toBe(0);
  }
});

test('a primary that was stopped for a minute does not mark its replicas as gone', () => {
  let state: MembersState = { members: new Map([['n2', STARTS.live as Member]]), tickAtMs: NOW };
  state = step(OPTIONS, state, { kind: 'tick', nowMs: NOW + 60_000 }).state;
  expect(state.members.get('n2')?.state).toBe('live');
  // From now on silence counts again.
  for (let ms = 500; ms <= 1500; ms += 500) {
    state = step(OPTIONS, state, { kind: 'tick', nowMs: NOW + 60_000 + ms }).state;
  }
  expect(state.members.get('n2')?.state).toBe('late');
});

test('the invariants hold after any events', () => {
  const member = fc.constantFrom('n2', 'n3');
  const act = fc.oneof(
    fc.record({ do: fc.constant('attach' as const), member }),
    fc.record({ do: fc.constant('heartbeat' as const), member, back: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ do: fc.constant('close' as const), member, back: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12_000 }) }),
  );
  fc.assert(fc.property(fc.array(act, { maxLength: 60 }), (acts) => checkInvariants(acts)));
});

type Act = { do: string; member?: string; back?: number; ms?: number };

function checkInvariants(acts: Act[]): void {
  let nowMs = 0;
  let count = 0;
  let state = NO_MEMBERS;
  const given: string[] = [];
  const cleaned = new Set<number>();
  const take = (event: MemberEvent) => {
    const before = state;
    const next = step(OPTIONS, before, event);
    state = next.state;
    for (const effect of next.effects) {
      if (effect.kind !== 'cleanup') continue;
      expect(cleaned.has(effect.session)).toBe(false);
      cleaned.add(effect.session);
    }
    for (const [name, member] of state.members)
      checkMember(before.members.get(name), member, next.effects, cleaned);
  };
  for (const act of acts) {
    if (act.do === 'wait') {
      for (let left = act.ms ?? 0; left > 0; left -= 250) {
        nowMs += Math.min(250, left);
        take({ kind: 'tick', nowMs });
      }
    } else if (act.do === 'attach') {
      given[++count] = act.member as string;
      take({ kind: 'attached', member: act.member as string, session: count, nowMs });
    } else {
      const kind = act.do === 'close' ? 'closed' : 'heartbeat';
      const session = count - (act.back ?? 0);
      take({ kind, member: act.member as string, session, reason: 'x', nowMs } as MemberEvent);
    }
  }
  // Invariant 3: each session is either still attached or was cleaned up.
  for (let session = 1; session <= count; session++) {
    const attached = [...state.members.values()].some((member) => member.session === session);
    expect(attached).toBe(!cleaned.has(session));
    if (attached) expect(state.members.get(given[session] as string)?.session).toBe(session);
  }

  function checkMember(
    old: Member | undefined,
    member: Member,
    effects: readonly MemberEffect[],
    gone: Set<number>,
  ) {
    if (member.state === 'live') {
      expect(member.session).not.toBeNull();
      expect(nowMs - (member.heardAtMs ?? Number.NEGATIVE_INFINITY)).toBeLessThan(OPTIONS.goneAfterMs);
      expect(member.reason).toBeNull();
    }
    if (member.state === 'gone') expect(member.session).toBeNull();
    if (member.session !== null) expect(gone.has(member.session)).toBe(false);
    const moved = old?.state !== member.state;
    expect(effects.some((effect) => effect.kind === 'changed' && effect.member === member.name)).toBe(moved);
    if (!moved) expect(member.sinceMs).toBe(old?.sinceMs);
  }
}

function changes(effects: readonly MemberEffect[]): string[] {
  return effects.flatMap((effect) => (effect.kind === 'changed' ? [`${effect.from}>${effect.to}`] : []));
}

const ALL: MemberState[] = ['joining', 'live', 'late', 'gone'];
test('the table visits every state', () => {
  const reached = new Set(
    Object.values(TABLE).flatMap((row) => Object.values(row).map((to) => to.replace('*', ''))),
  );
  expect([...reached].sort()).toEqual([...ALL].sort());
});

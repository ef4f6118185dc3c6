import { describe, expect, it } from 'vitest';
import { SEED_PHASES, type SeedNeed, type SeedPhase } from '../model/seed.js';
import { NOT_SEEDING, type SeedEvent, type SeedState, seedStep } from './seed-state.js';

const NEED: SeedNeed = { cause: 'operator', reason: 'asked for', closes: false, trouble: 'operator' };
const BAD: SeedNeed = { cause: 'diverged', reason: 'differs', closes: true, trouble: 'diverged' };
const POSITION = { epoch: 1, ordinal: 7, gtid: '0-1000001-7' };

const EVENTS: Record<SeedEvent['kind'], SeedEvent> = {
  need: { kind: 'need', need: NEED },
  donor: { kind: 'donor', donor: 'n3' },
  received: { kind: 'received', position: POSITION },
  prepared: { kind: 'prepared' },
  released: { kind: 'released' },
  placed: { kind: 'placed' },
  positioned: { kind: 'positioned' },
  level: { kind: 'level' },
  failed: { kind: 'failed', reason: 'it failed' },
  returned: { kind: 'returned' },
  due: { kind: 'due' },
  cancel: { kind: 'cancel' },
};
const KINDS = Object.keys(EVENTS) as SeedEvent['kind'][];

/** A state of this phase, as it is reached without failures. */
function stateIn(phase: SeedPhase): SeedState {
  const way: SeedEvent['kind'][] = [
    ...(['need', 'donor', 'received', 'prepared', 'released', 'placed', 'positioned'] as const),
  ];
  let state = NOT_SEEDING;
  if (phase === 'backing-off') return seedStep(seedStep(state, EVENTS.need), EVENTS.failed);
  for (const kind of way) {
    if (state.phase === phase) return state;
    state = seedStep(state, EVENTS[kind]);
  }
  return state;
}

/** Where each event leads; what is not named changes nothing. */
const TABLE: Record<SeedPhase, Partial<Record<SeedEvent['kind'], SeedPhase>>> = {
  idle: { need: 'choosing' },
  choosing: { donor: 'transferring', failed: 'backing-off', cancel: 'idle' },
  transferring: { received: 'preparing', failed: 'backing-off', cancel: 'idle' },
  preparing: { prepared: 'waiting', failed: 'backing-off', cancel: 'idle' },
  waiting: { released: 'placing', failed: 'backing-off', cancel: 'idle' },
  placing: { placed: 'positioning', failed: 'backing-off' },
  positioning: { positioned: 'catching-up', failed: 'backing-off' },
  'catching-up': { level: 'idle', failed: 'backing-off' },
  'backing-off': { due: 'choosing', cancel: 'idle' },
};

describe('the table', () => {
  it('has every phase, and each is reached', () => {
    expect(Object.keys(TABLE)).toEqual([...SEED_PHASES]);
    for (const phase of SEED_PHASES) expect(stateIn(phase).phase).toBe(phase);
  });

  const cells = SEED_PHASES.flatMap((phase) => KINDS.map((kind) => ({ phase, kind })));
  it.each(cells)('$phase, $kind', ({ phase, kind }) => {
    const before = stateIn(phase);
    const after = seedStep(before, EVENTS[kind]);
    expect(after.phase).toBe(TABLE[phase][kind] ?? phase);
    if (TABLE[phase][kind] === undefined) expect(after).toEqual(before);
  });
});

describe('what holds in every order of events', () => {
  /** All states that any eight events lead to. */
  const reached = new Map<string, SeedState>();
  const walk = (state: SeedState, depth: number) => {
    const key = JSON.stringify([state, depth]);
    if (reached.has(key) || depth === 0) return;
    reached.set(key, state);
    for (const kind of KINDS) walk(seedStep(state, EVENTS[kind]), depth - 1);
    walk(seedStep(state, { kind: 'need', need: BAD }), depth - 1);
  };
  walk(NOT_SEEDING, 10);
  const states = [...reached.values()];

  it('1: data is touched only after a snapshot was received, prepared and released', () => {
    for (const state of states) {
      if (['placing', 'positioning', 'catching-up'].includes(state.phase)) {
        expect(state.isTouched).toBe(true);
        expect(state.position).not.toBe(null);
      }
    }
  });

  it('2: touched data is not left: neither a failure nor an operator ends it, only that it is level or that the old is back', () => {
    for (const state of states.filter(({ isTouched }) => isTouched)) {
      for (const kind of KINDS) {
        const after = seedStep(state, EVENTS[kind]);
        if (after.phase === 'idle') expect([state.phase, kind]).toEqual(['catching-up', 'level']);
        else if (!after.isTouched)
          expect([state.phase, state.resume, kind]).toEqual(['backing-off', 'choosing', 'returned']);
      }
    }
  });

  it('3: whenever it runs there is a need, and a need that closes the node is not weakened', () => {
    for (const state of states) {
      expect(state.need === null).toBe(state.phase === 'idle');
      if (state.need?.closes) {
        const after = seedStep(state, EVENTS.need);
        expect(after.need?.closes).toBe(true);
      }
    }
  });
});

it('a need that makes the data useless takes the place of one that does not', () => {
  const state = seedStep(stateIn('transferring'), { kind: 'need', need: BAD });
  expect(state).toMatchObject({ phase: 'transferring', need: BAD });
});

it('each failure counts an attempt, and forgets the snapshot', () => {
  const state = seedStep(stateIn('waiting'), EVENTS.failed);
  expect(state).toMatchObject({ attempt: 2, position: null, failure: 'it failed', resume: 'choosing' });
});

it('data in place is tried three times before another snapshot is fetched', () => {
  let state = stateIn('positioning');
  for (const resume of ['positioning', 'positioning', 'choosing']) {
    // While it is tried again the old data is not back, whatever anybody says.
    expect(seedStep(state, EVENTS.returned)).toEqual(state);
    state = seedStep(state, EVENTS.failed);
    expect(state).toMatchObject({ phase: 'backing-off', resume, isTouched: true });
    if (resume === 'choosing') break;
    state = seedStep(state, EVENTS.due);
    expect(state.phase).toBe(resume);
  }
  // Half a server is there now: it cannot be left so, until the old data is back.
  expect(seedStep(state, EVENTS.cancel)).toEqual(state);
  state = seedStep(state, EVENTS.returned);
  expect(state).toMatchObject({ phase: 'backing-off', resume: 'choosing', isTouched: false });
  expect(seedStep(state, EVENTS.cancel).phase).toBe('idle');
});

it('a server that follows its new data is not given up because that cannot be noted', () => {
  let state = stateIn('catching-up');
  for (let i = 0; i < 10; i++) {
    state = seedStep(state, EVENTS.failed);
    expect(state).toMatchObject({ phase: 'backing-off', resume: 'catching-up', isTouched: true });
    state = seedStep(state, EVENTS.due);
  }
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  electedFindingOf,
  findingOf,
  NOT_OPENING,
  NOT_OPENING_ELECTED,
  OPENING_STEPS,
  type OpeningEvent,
  type OpeningState,
  type OpeningStep,
  openingStep,
  phaseOf,
  type ServerFacts,
} from './opening.js';

const EVENTS: Record<string, OpeningEvent> = {
  up: { kind: 'up', adopted: false, crashed: true },
  closed: { kind: 'inspected', finding: 'closed' },
  continues: { kind: 'inspected', finding: 'continues' },
  foreign: { kind: 'inspected', finding: 'foreign' },
  lost: { kind: 'inspected', finding: 'lost' },
  done: { kind: 'done' },
  failed: { kind: 'failed' },
  retry: { kind: 'retry' },
  ended: { kind: 'ended' },
};

/** The state of each step in a pass that opens a closed server. */
function at(step: OpeningStep): OpeningState {
  const order = OPENING_STEPS.indexOf(step);
  const begun = order > OPENING_STEPS.indexOf('beginEpoch') && step !== 'pause';
  return { ...NOT_OPENING, step, crashed: true, epochBegun: begun, attachable: begun };
}

type Row = Record<keyof typeof EVENTS, OpeningStep>;
const SAME = (step: OpeningStep): Row => ({
  up: 'inspect',
  closed: step,
  continues: step,
  foreign: step,
  lost: step,
  done: step,
  failed: 'pause',
  retry: step,
  ended: 'closed',
});

/** step, event -> next step. The table has every pair. */
const TABLE: Record<OpeningStep, Row> = {
  closed: { ...SAME('closed'), failed: 'closed' },
  inspect: {
    ...SAME('inspect'),
    closed: 'recoverXa',
    continues: 'copyLog',
    foreign: 'closed',
    lost: 'closed',
  },
  recoverXa: { ...SAME('recoverXa'), done: 'requireAcks' },
  requireAcks: { ...SAME('requireAcks'), done: 'copyLog' },
  copyLog: { ...SAME('copyLog'), done: 'beginEpoch' },
  beginEpoch: { ...SAME('beginEpoch'), done: 'awaitQuorum' },
  awaitQuorum: { ...SAME('awaitQuorum'), done: 'replicateLog' },
  replicateLog: { ...SAME('replicateLog'), done: 'compareDefinitions' },
  compareDefinitions: { ...SAME('compareDefinitions'), done: 'open' },
  open: { ...SAME('open'), done: 'prepare' },
  prepare: { ...SAME('prepare'), done: 'serving' },
  serving: { ...SAME('serving'), failed: 'serving' },
  pause: { ...SAME('pause'), failed: 'pause', retry: 'inspect' },
};

describe('the transition table', () => {
  for (const step of OPENING_STEPS) {
    for (const [name, event] of Object.entries(EVENTS)) {
      it(`${step}, ${name}`, () => expect(openingStep(at(step), event).step).toBe(TABLE[step][name]));
    }
  }
});

const PHASES: Record<OpeningStep, string> = {
  closed: 'closed',
  inspect: 'closed',
  recoverXa: 'closed',
  requireAcks: 'closed',
  copyLog: 'closed',
  beginEpoch: 'closed',
  awaitQuorum: 'recovering',
  replicateLog: 'feeding',
  compareDefinitions: 'feeding',
  open: 'feeding',
  prepare: 'feeding',
  serving: 'open',
  pause: 'closed',
};

it('lets replicas attach once the epoch has begun', () => {
  for (const step of OPENING_STEPS) expect(`${step}: ${phaseOf(at(step))}`).toBe(`${step}: ${PHASES[step]}`);
});

const run = (events: readonly OpeningEvent[], from = NOT_OPENING) => {
  const states = [from];
  for (const event of events) states.push(openingStep(states.at(-1) as OpeningState, event));
  return states;
};
const { up, closed, continues, done, failed, retry } = EVENTS as Record<string, OpeningEvent>;
const some = (event: OpeningEvent | undefined, count: number) => Array(count).fill(event) as OpeningEvent[];

it('stays attachable during a pause after the epoch began, and begins no second epoch for the same run of the server', () => {
  const open = [up, closed, ...some(done, 7), failed] as OpeningEvent[];
  const paused = run(open).at(-1) as OpeningState;
  expect([paused.step, phaseOf(paused)]).toEqual(['pause', 'recovering']);
  const again = run([retry, closed, done, done] as OpeningEvent[], paused);
  expect(again.map(({ step }) => step)).toEqual([
    'pause',
    'inspect',
    'recoverXa',
    'requireAcks',
    'awaitQuorum',
  ]);
  expect(again.at(1)).toMatchObject({ adopted: true, attachable: false });
  expect(openingStep(paused, up as OpeningEvent)).toMatchObject({ epochBegun: false });
});

it('in an elected epoch, replicas may attach without a server, and no epoch is begun', () => {
  expect(phaseOf(NOT_OPENING_ELECTED)).toBe('recovering');
  const states = run([up, closed, ...some(done, 8)] as OpeningEvent[], NOT_OPENING_ELECTED);
  expect(states.map(({ step }) => step)).toEqual([
    ...['closed', 'inspect', 'recoverXa', 'requireAcks', 'copyLog', 'awaitQuorum', 'replicateLog'],
    ...['compareDefinitions', 'open', 'prepare', 'serving'],
  ]);
  expect(states.every((state) => phaseOf(state) !== 'closed')).toBe(true);
  for (const event of [failed, EVENTS.ended, EVENTS.lost] as OpeningEvent[]) {
    const after = openingStep(states[1] as OpeningState, event);
    expect(after).toMatchObject({ elected: true, attachable: true, epochBegun: true });
  }
});

it('an elected epoch is opened only with a closed server that has exactly its log', () => {
  const position = (ordinal: number, gtid = `0-1-${ordinal}`) => ({ epoch: 1, ordinal, gtid });
  const found = (serverEnd: number, more: Partial<Parameters<typeof electedFindingOf>[0]> = {}) =>
    electedFindingOf({
      ...{ adopted: true, readOnly: true, serverEnd: position(serverEnd), logEnd: position(10) },
      ...more,
    });
  expect([found(10), found(9), found(11)]).toEqual(['closed', 'lost', 'ahead']);
  expect(found(10, { serverEnd: position(10, '0-2-10') })).toBe('ahead');
  expect(found(10, { readOnly: false })).toBe('foreign');
  expect(found(10, { readOnly: false, adopted: false })).toBe('closed');
});

it('with a server that is already open, only waits for the quorum and prepares the system schema', () => {
  const states = run([up, continues, done, done, done] as OpeningEvent[]);
  expect(states.map(({ step }) => step)).toEqual([
    'closed',
    'inspect',
    'copyLog',
    'awaitQuorum',
    'prepare',
    'serving',
  ]);
});

it('keeps its invariants for any events in any order', () => {
  const event = fc.constantFrom(...Object.values(EVENTS));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let state = NOT_OPENING;
      let pass: OpeningStep[] = [];
      let begun = 0;
      for (const next of events) {
        const after = openingStep(state, next);
        if (next.kind === 'up') begun = 0;
        if (after.step === 'inspect' || after.step === 'closed') pass = [];
        if (
          after.step !== state.step &&
          !after.continues &&
          state.step === 'beginEpoch' &&
          after.step === 'awaitQuorum'
        )
          begun++;
        if (after.step !== state.step) pass.push(after.step);
        expect(begun).toBeLessThanOrEqual(1);
        if (after.step === 'open') {
          expect(after.continues).toBe(false);
          for (const step of ['recoverXa', 'requireAcks', 'awaitQuorum', 'replicateLog'] as const)
            expect(pass).toContain(step);
          expect(after.epochBegun).toBe(true);
        }
        if (after.continues)
          expect(['copyLog', 'awaitQuorum', 'prepare', 'serving', 'pause']).toContain(after.step);
        state = after;
      }
    }),
  );
});

describe('the finding about a server', () => {
  const facts: ServerFacts = {
    adopted: true,
    readOnly: false,
    serverId: 7,
    epochServerId: 7,
    logEnd: 10,
    epochBegan: 10,
    known: 10,
  };
  const cases: [string, Partial<ServerFacts>, string][] = [
    ['it is open with the server id of the epoch', {}, 'continues'],
    ['it is open with another server id', { serverId: 8 }, 'foreign'],
    ['it is open, and there is no epoch', { epochServerId: null }, 'foreign'],
    ['it is read-only', { readOnly: true }, 'closed'],
    ['it was just started', { adopted: false, readOnly: false }, 'closed'],
    ['its log ends before the epoch began', { readOnly: true, logEnd: 9, known: 0 }, 'lost'],
    ['its log has transactions, and there is no chain', { readOnly: true, epochServerId: null }, 'lost'],
    ['it is new', { readOnly: true, epochServerId: null, logEnd: 0, epochBegan: 0, known: 0 }, 'closed'],
    ['its log ends before the known commit position', { readOnly: true, logEnd: 10, known: 11 }, 'lost'],
  ];
  for (const [name, changed, finding] of cases) {
    it(name, () => expect(findingOf({ ...facts, ...changed })).toBe(finding));
  }
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findingOf,
  NOT_OPENING,
  OPENING_STEPS,
  type OpeningEvent,
  type OpeningStep,
  openingStep,
  type ServerFacts,
} from './opening.js';

const EVENTS = {
  up: { kind: 'up', adopted: false, crashed: true },
  closed: { kind: 'inspected', finding: 'closed' },
  foreign: { kind: 'inspected', finding: 'foreign' },
  lost: { kind: 'inspected', finding: 'lost' },
  ahead: { kind: 'inspected', finding: 'ahead' },
  done: { kind: 'done' },
  failed: { kind: 'failed' },
  retry: { kind: 'retry' },
  ended: { kind: 'ended' },
} as const satisfies Record<string, OpeningEvent>;

type Row = Record<keyof typeof EVENTS, OpeningStep>;
const SAME = (step: OpeningStep): Row => ({
  ...{ up: 'inspect', closed: step, foreign: step, lost: step, ahead: step },
  ...{ done: step, failed: 'pause', retry: step, ended: 'closed' },
});

/** step, event -> next step. The table has every pair. */
const TABLE: Record<OpeningStep, Row> = {
  closed: { ...SAME('closed'), failed: 'closed' },
  inspect: { ...SAME('inspect'), closed: 'recoverXa', foreign: 'closed', lost: 'closed', ahead: 'closed' },
  recoverXa: { ...SAME('recoverXa'), done: 'requireAcks' },
  requireAcks: { ...SAME('requireAcks'), done: 'copyLog' },
  copyLog: { ...SAME('copyLog'), done: 'awaitQuorum' },
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
      it(`${step}, ${name}`, () =>
        expect(openingStep({ ...NOT_OPENING, step }, event).step).toBe(TABLE[step][name as keyof Row]));
    }
  }
});

it('a pass that is begun again takes the server for adopted, and keeps that it had crashed', () => {
  const paused = [EVENTS.up, EVENTS.closed, EVENTS.failed].reduce(openingStep, NOT_OPENING);
  expect(openingStep(paused, EVENTS.retry)).toEqual({ step: 'inspect', adopted: true, crashed: true });
});

it('opens a server only after all steps of the same pass, for any events in any order', () => {
  const event = fc.constantFrom<OpeningEvent>(...Object.values(EVENTS));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let state = NOT_OPENING;
      let pass: OpeningStep[] = [];
      for (const next of events) {
        const after = openingStep(state, next);
        if (after.step === 'inspect' || after.step === 'closed') pass = [];
        if (after.step !== state.step) pass.push(after.step);
        if (after.step === 'open')
          for (const step of ['recoverXa', 'requireAcks', 'copyLog', 'awaitQuorum', 'replicateLog'] as const)
            expect(pass).toContain(step);
        state = after;
      }
    }),
  );
});

describe('the finding about a server', () => {
  const position = (ordinal: number, gtid = `0-1-${ordinal}`) => ({ epoch: 1, ordinal, gtid });
  const facts: ServerFacts = {
    ...{ adopted: true, readOnly: true, serverEnd: position(10), logEnd: position(10), known: 10 },
  };
  it.each<[string, Partial<ServerFacts>, string]>([
    ['it has exactly the log', {}, 'closed'],
    ['it was just started', { adopted: false, readOnly: false }, 'closed'],
    ['it is open since an older epoch', { readOnly: false }, 'foreign'],
    ['it ends before the log', { serverEnd: position(9) }, 'lost'],
    ['it and the log end before what is known', { known: 11 }, 'lost'],
    ['it has more than the log', { serverEnd: position(11) }, 'ahead'],
    ['it has another transaction at the end', { serverEnd: position(10, '0-2-10') }, 'ahead'],
  ])('%s', (_, changed, finding) => expect(findingOf({ ...facts, ...changed })).toBe(finding));
});

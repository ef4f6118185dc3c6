import { describe, expect, it } from 'vitest';
import {
  SERVER_DOWN,
  TAKE_OVER_STEPS,
  type TakeOverEvent,
  type TakeOverState,
  type TakeOverStep,
  takeOverStep,
} from './take-over.js';

const EVENTS: Record<string, TakeOverEvent> = {
  up: { kind: 'up', crashed: true },
  follows: { kind: 'inspected', follows: true },
  followsNot: { kind: 'inspected', follows: false },
  done: { kind: 'done' },
  reset: { kind: 'done', reset: true },
  failed: { kind: 'failed' },
  down: { kind: 'down' },
};

type Row = Record<keyof typeof EVENTS, TakeOverStep>;
const row = (step: TakeOverStep, next: TakeOverStep, more: Partial<Row> = {}): Row => ({
  up: 'inspect',
  follows: step,
  followsNot: step,
  done: next,
  reset: next,
  failed: 'down',
  down: 'down',
  ...more,
});

/** step, event -> next step, for a server that crashed. The table has every pair. */
const TABLE: Record<TakeOverStep, Row> = {
  down: row('down', 'down'),
  inspect: row('inspect', 'inspect', { follows: 'recoverDdl', followsNot: 'finishReset' }),
  finishReset: row('finishReset', 'recoverXa', { reset: 'recoverDdl' }),
  recoverXa: row('recoverXa', 'recoverDdl'),
  recoverDdl: row('recoverDdl', 'noteAgreement'),
  noteAgreement: row('noteAgreement', 'endRecovery'),
  endRecovery: row('endRecovery', 'follow'),
  follow: row('follow', 'following'),
  following: row('following', 'following', { failed: 'following' }),
};

describe('the transition table', () => {
  for (const step of TAKE_OVER_STEPS) {
    for (const [name, event] of Object.entries(EVENTS)) {
      it(`${step}, ${name}`, () =>
        expect(takeOverStep({ step, crashed: true, recovers: true }, event).step).toBe(TABLE[step][name]));
    }
  }
});

const way = (crashed: boolean, follows: boolean) => {
  let state: TakeOverState = takeOverStep(SERVER_DOWN, { kind: 'up', crashed });
  state = takeOverStep(state, { kind: 'inspected', follows });
  const steps: TakeOverStep[] = [];
  while (state.step !== 'following') {
    steps.push(state.step);
    state = takeOverStep(state, { kind: 'done' });
  }
  return steps.join(' ');
};

it('recovers only a server that crashed and does not replicate yet', () => {
  expect(way(false, false)).toBe('recoverDdl endRecovery follow');
  expect(way(false, true)).toBe('recoverDdl endRecovery follow');
  // A restarted node adopted the server, which already replicates. So its position is right.
  expect(way(true, true)).toBe('recoverDdl endRecovery follow');
  expect(way(true, false)).toBe('finishReset recoverXa recoverDdl noteAgreement endRecovery follow');
});

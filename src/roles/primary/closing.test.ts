import { describe, expect, it } from 'vitest';
import { CLOSING_STEPS, type ClosingEvent, type ClosingStep, closingStep } from './closing.js';

/** step, event -> next step. The table has every pair. */
const TABLE: Record<ClosingStep, Record<ClosingEvent, ClosingStep>> = {
  writes: { done: 'log', late: 'killed', failed: 'writes', down: 'ended' },
  log: { done: 'target', late: 'killed', failed: 'log', down: 'ended' },
  target: { done: 'settings', late: 'settings', failed: 'target', down: 'ended' },
  settings: { done: 'ended', late: 'killed', failed: 'killed', down: 'ended' },
  ended: { done: 'ended', late: 'ended', failed: 'ended', down: 'ended' },
  killed: { done: 'killed', late: 'killed', failed: 'killed', down: 'killed' },
};

describe('the transition table', () => {
  for (const step of CLOSING_STEPS) {
    for (const event of ['done', 'late', 'failed', 'down'] as const)
      it(`${step}, ${event}`, () => expect(closingStep(step, event)).toBe(TABLE[step][event]));
  }
});

it('changes the settings of a server only after a majority has its whole log', () => {
  const ways = new Map<ClosingStep, ClosingStep[]>([['writes', []]]);
  for (const step of ways.keys()) {
    for (const event of ['done', 'late', 'failed', 'down'] as const) {
      const next = closingStep(step, event);
      if (!ways.has(next)) ways.set(next, [...(ways.get(step) as ClosingStep[]), step]);
    }
  }
  expect(ways.get('settings')).toEqual(['writes', 'log', 'target']);
});

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EVENTS, oneCore, STATES } from '../../test/simulation/one-core.js';
import { expectFile } from '../../test/simulation/text-file.js';

/** Every state with every event: what becomes of the node, and what it wants done. Read the file, it is the table. */
const FILE = join(import.meta.dirname, '../../test/scenarios/election/transitions.txt');

const cells = Object.keys(STATES).flatMap((state) =>
  Object.keys(EVENTS).map((event) => {
    const core = oneCore(state);
    const before = core.state;
    const { state: after, effects } = core.after(event);
    return {
      state,
      event,
      before,
      after,
      effects,
      line: `${event.padEnd(34)} ${core.text(before, after, effects)}`,
    };
  }),
);

it('the table of transitions', () => {
  const blocks = Object.keys(STATES).map((state) =>
    [`=== ${state}`, ...cells.filter((cell) => cell.state === state).map(({ line }) => line)].join('\n'),
  );
  expectFile(FILE, `${blocks.join('\n\n')}\n`);
});

describe('whatever happens in whatever state', () => {
  it('a promise never goes back, and a vote is never changed within an epoch', () => {
    for (const { before, after } of cells) {
      expect(after.promise.promisedEpoch).toBeGreaterThanOrEqual(before.promise.promisedEpoch);
      if (after.promise.promisedEpoch === before.promise.promisedEpoch && before.promise.votedFor !== null)
        expect(after.promise.votedFor).toBe(before.promise.votedFor);
    }
  });

  it('nobody hears of a vote before it is kept', () => {
    for (const { before, effects } of cells) {
      const isYes = effects.some(
        (effect) =>
          effect.kind === 'send' && effect.message.kind === 'voteResponse' && effect.message.refusal === null,
      );
      // Either the disk has just said that it has it, or it had it before.
      if (isYes)
        expect(before.task === null ? before.promise.votedFor : before.task.stage).toMatch(/keep|^n\d#/);
    }
  });

  it('a primary that ends says so, and nobody else does', () => {
    for (const { before, after, effects } of cells) {
      const ends =
        before.role.kind === 'leader' &&
        (after.role.kind !== 'leader' || after.role.epoch !== before.role.epoch);
      expect(effects.filter(({ kind }) => kind === 'stepDown')).toHaveLength(ends ? 1 : 0);
    }
  });

  it('the state that was given is not changed', () => {
    for (const state of Object.keys(STATES))
      for (const event of Object.keys(EVENTS)) {
        const core = oneCore(state);
        const copy = structuredClone(core.state);
        core.after(event);
        expect(core.state).toEqual(copy);
      }
  });
});

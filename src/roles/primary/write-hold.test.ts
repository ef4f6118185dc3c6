import { expect, it } from 'vitest';
import { silentLogger } from '../../std/logger.js';
import { WriteHold } from './write-hold.js';

function holdOf({ fails = 0, open = true } = {}) {
  const calls: string[] = [];
  const state = { fails, open, changes: 0 };
  const hold = new WriteHold({
    logger: silentLogger,
    isOpen: () => state.open,
    changed: () => void state.changes++,
    control: () => ({
      closeForWrites: async () => {
        calls.push('close');
        if (state.fails-- > 0) throw new Error('a commit waits');
      },
      writeAgain: async () => void calls.push('open'),
    }),
  });
  return { hold, calls, state };
}

it('closes the server once, and opens it once', async () => {
  const { hold, calls, state } = holdOf();
  await hold.set('full');
  await hold.set('fuller');
  expect(hold.reason).toBe('fuller');
  await hold.set(null);
  await hold.set(null);
  expect(calls).toEqual(['close', 'open']);
  expect(hold.reason).toBeNull();
  expect(state.changes).toBeGreaterThanOrEqual(2);
});

it('has no reason before writes are refused, and tries again', async () => {
  const { hold, calls } = holdOf({ fails: 1 });
  await hold.set('full');
  expect(hold.reason).toBeNull();
  await hold.set('full');
  expect(hold.reason).toBe('full');
  expect(calls).toEqual(['close', 'close']);
});

it('does not change a server that is not open or whose role is being given up', async () => {
  const { hold, calls, state } = holdOf();
  await hold.set('full');
  state.open = false;
  await hold.set(null);
  state.open = true;
  await hold.end();
  await hold.set(null);
  expect(calls).toEqual(['close']);
});

it('the end waits for a change that is under way', async () => {
  const { hold, calls } = holdOf();
  await hold.set('full');
  const opening = hold.set(null);
  // The change is under way.
  await Promise.resolve();
  await Promise.resolve();
  await hold.end();
  expect(calls).toEqual(['close', 'open']);
  await opening;
});

it('closes the next run of the server again', async () => {
  const { hold, calls } = holdOf();
  await hold.set('full');
  hold.forget();
  expect(hold.reason).toBeNull();
  await hold.set('full');
  expect(calls).toEqual(['close', 'close']);
});

it('opens nothing while the role is handed over, and a role that is kept is opened only when the disk has room', async () => {
  const { hold, calls } = holdOf();
  await hold.set('full');
  await hold.pause();
  await hold.set(null);
  await hold.set('fuller');
  expect(calls).toEqual(['close']);
  await hold.resume();
  expect(calls).toEqual(['close']);
  expect(hold.reason).toBe('fuller');
  await hold.set(null);
  expect(calls).toEqual(['close', 'open']);
});

it('a role that is kept is opened again at once when the disk has room', async () => {
  const { hold, calls, state } = holdOf();
  await hold.pause();
  await hold.resume();
  expect(calls).toEqual(['open']);
  // The disk became full meanwhile: whoever handed over has closed the server already.
  await hold.pause();
  await hold.set('full');
  await hold.resume();
  expect(calls).toEqual(['open']);
  expect(hold.reason).toBe('full');
  expect(state.changes).toBeGreaterThan(0);
});

it('a role that ends is not opened by a hand-over that is taken back', async () => {
  const { hold, calls } = holdOf();
  await hold.pause();
  const resumed = hold.resume();
  await hold.end();
  await resumed;
  expect(calls).toEqual([]);
});

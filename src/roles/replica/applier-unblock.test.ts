import { expect, it } from 'vitest';
import type { LocalControl } from '../local-server.js';
import { ApplierUnblock } from './applier-unblock.js';

function setup(readers: { id: number; user: string; seconds: number }[], options: { stops?: boolean } = {}) {
  const done: string[] = [];
  const clock = { ms: 0 };
  const control: Partial<LocalControl> = {
    longReaders: async () => readers.splice(0),
    endSession: async (id) => void done.push(`end ${id}`),
    restartApplier: async (workers) => {
      if (options.stops === false && workers === 0) throw new Error('not within 10 s');
      done.push(`workers ${workers}`);
    },
  };
  const unblock = new ApplierUnblock(
    { stepMs: 10_000 },
    {
      control: () => control as LocalControl,
      event: (code) => done.push(code),
      kill: () => done.push('kill'),
      nowMs: () => clock.ms,
    },
  );
  return { unblock, done, clock };
}

it('disconnects readers, then applies one transaction at a time up to the commit position, then in parallel again', async () => {
  const { unblock, done, clock } = setup([{ id: 7, user: 'app', seconds: 30 }]);
  await unblock.stalled(5, 9);
  expect(done).toEqual(['end 7', 'APPLIER_BLOCKED']);
  clock.ms = 5_000;
  await unblock.stalled(5, 9);
  expect(done).toHaveLength(2);
  clock.ms = 10_000;
  await unblock.stalled(5, 11);
  expect(done.slice(2)).toEqual(['APPLIER_SERIAL', 'workers 0']);
  expect(unblock.workers).toBe(0);
  await unblock.running(10);
  expect(unblock.workers).toBe(0);
  await unblock.running(11);
  expect([done.slice(4), unblock.workers]).toEqual([['workers 8', 'APPLIER_PARALLEL'], 8]);
});

it('without readers takes the next step at once, and gives up after the last one', async () => {
  const { unblock, done, clock } = setup([]);
  await unblock.stalled(5, 9);
  expect(done).toEqual(['APPLIER_SERIAL', 'workers 0']);
  expect(unblock.isGivenUp, 'the last step gets its time').toBe(false);
  clock.ms = 60_000;
  await unblock.stalled(5, 9);
  expect(done).toHaveLength(2);
  expect(unblock.isGivenUp).toBe(true);
  // At another position, the steps begin again.
  await unblock.stalled(6, 9);
  expect(done).toHaveLength(4);
});

it('kills a server whose workers do not stop, and starts it again with one transaction at a time', async () => {
  const { unblock, done } = setup([], { stops: false });
  await unblock.stalled(5, 9);
  expect(done).toEqual(['APPLIER_SERIAL', 'kill']);
  expect(unblock.workers).toBe(0);
});

import { describe, expect, it } from 'vitest';
import { threadOf } from '../../test/kit/thread.js';
import { until } from '../../test/kit/until.js';
import { createSharedMemory, type PlaneState, StateReader, StateWriter } from './shared-state.js';

const state = (change: Partial<PlaneState> = {}): PlaneState => ({
  role: 'primary',
  openness: 'OPEN',
  ...{ epoch: 3, generation: 5, count: 2, received: 2 ** 52 + 1, committed: 7, everywhere: 6, answered: 7 },
  ...{ applied: 7, lagMs: 1.5, atMs: 123.25, facts: 9, durable: [7, 2 ** 40, 0] },
  ...change,
});

function pair() {
  const memory = createSharedMemory();
  return { writer: new StateWriter(memory), reader: new StateReader(memory) };
}

describe('shared state', () => {
  it('is read as it was written, whatever it was before', () => {
    const { writer, reader } = pair();
    for (const written of [
      state(),
      state({ generation: null, count: null, lagMs: null, durable: [] }),
      state({ role: 'replica', openness: 'SERVER_DOWN', generation: 0, count: 0, lagMs: 0 }),
      state(),
    ]) {
      writer.write(written);
      expect(reader.read()).toEqual(written);
    }
  });

  it('of a memory that nobody has written is a closed replica', () => {
    const { reader } = pair();
    expect(reader.read()).toMatchObject({ role: 'replica', openness: 'NOT_OPEN' });
  });

  it('is never a mixture of two, however quickly another thread writes', async () => {
    const memory = createSharedMemory();
    const reader = new StateReader(memory);
    const worker = (await threadOf(new URL('../../test/kit/planes/state-writer.ts', import.meta.url)))({
      workerData: memory,
    });
    try {
      await until('the writer has begun', () => reader.read().epoch > 0);
      const seen = new Set<number>();
      const endMs = performance.now() + 5_000;
      while (seen.size < 5_000 && performance.now() < endMs) {
        const { role, openness: _, durable, ...numbers } = reader.read();
        const n = numbers.epoch;
        seen.add(n);
        if (
          Object.values(numbers).some((value) => value !== n) ||
          durable.some((value) => value !== n) ||
          role !== (n % 2 === 0 ? 'primary' : 'replica')
        )
          expect({ role, durable, ...numbers }).toBe('all of one moment');
      }
      expect(seen.size).toBeGreaterThan(10);
    } finally {
      await worker.terminate();
    }
  });

  it('counts each end of what was open, and no beginning', () => {
    const { writer, reader } = pair();
    const closings = [state({ openness: 'NOT_OPEN' }), state(), state(), state({ applied: 8 })].map(
      (written) => {
        writer.write(written);
        return reader.closings;
      },
    );
    expect(closings).toEqual([0, 0, 0, 0]);
    // Closed; open again; the server was restarted meanwhile; it is down.
    const more = [
      state({ openness: 'NO_QUORUM' }),
      state({ generation: 6 }),
      state({ generation: 7 }),
      state({ generation: null, openness: 'SERVER_DOWN' }),
    ].map((written) => {
      writer.write(written);
      return reader.closings;
    });
    expect(more).toEqual([1, 1, 2, 3]);
  });
});

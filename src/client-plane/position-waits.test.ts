import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { FactsReader } from '../planes/facts-reader.js';
import { PlaneSignals } from '../planes/plane-signals.js';
import { createSharedMemory, StateReader, StateWriter } from '../planes/shared-state.js';
import { Cancellation } from '../std/cancellation.js';
import { CANCELLED } from '../std/unless-cancelled.js';
import { PositionWaits } from './position-waits.js';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** `readNow`: called when somebody begins to wait, before the replication plane can know of it. */
function planes(readNow: (committed: (ordinal: number) => void) => void = () => {}) {
  const memory = createSharedMemory();
  const { port1, port2 } = new MessageChannel();
  const plane = new FactsReader({ state: new StateReader(memory), port: port2 });
  const signals = new PlaneSignals();
  open.push(plane, port1);
  const writer = new StateWriter(memory);
  const committed = (ordinal: number) => {
    writer.write({
      role: 'primary',
      openness: 'OPEN',
      ...{
        epoch: 1,
        generation: 1,
        count: 1,
        received: 9,
        committed: ordinal,
        everywhere: 0,
        answered: ordinal,
      },
      ...{ applied: ordinal, lagMs: 0, atMs: 0, facts: 0, durable: [] },
    });
    // As the replication plane does.
    return signals.takeWaiting();
  };
  const waits = new PositionWaits({ plane, signals, readNow: () => readNow(committed) });
  return { waits, committed };
}

const reached = (ordinal: number) => (state: { committed: number }) => state.committed >= ordinal;

describe('PositionWaits', () => {
  it('asks for nothing when the position is there', async () => {
    const { waits, committed } = planes();
    committed(5);
    await waits.until(reached(5), new Cancellation());
    expect(committed(6)).toBe(false);
  });

  it('hears of the next move, and of no more than it waits for', async () => {
    const { waits, committed } = planes();
    committed(1);
    let done = 0;
    const both = [3, 4].map((ordinal) =>
      waits.until(reached(ordinal), new Cancellation()).then(() => done++),
    );
    for (const ordinal of [2, 3]) {
      expect(committed(ordinal)).toBe(true);
      waits.moved();
    }
    await both[0];
    expect(done).toBe(1);
    expect(committed(4)).toBe(true);
    waits.moved();
    await both[1];
    expect(committed(5)).toBe(false);
  });

  it('misses no move that comes between the look and the word that it waits', async () => {
    const { waits, committed } = planes((move) => move(7));
    committed(1);
    // Nobody calls `moved`: that move was told to nobody.
    await waits.until(reached(7), new Cancellation());
  });

  it('ends with what it waits for, or with the caller', async () => {
    const { waits, committed } = planes();
    committed(1);
    const over = new Cancellation();
    const ended = waits.until(reached(9), over);
    const lost = waits.until(() => {
      throw new Error('the role is lost');
    }, new Cancellation());
    over.cancel();
    await expect(ended).rejects.toBe(CANCELLED);
    await expect(lost).rejects.toThrow('the role is lost');
    await expect(waits.until(reached(9), over)).rejects.toBe(CANCELLED);
  });
});

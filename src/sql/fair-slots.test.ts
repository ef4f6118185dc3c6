import { describe, expect, it } from 'vitest';
import { Cancellation } from '../std/cancellation.js';
import { FairSlots, NoSlot } from './fair-slots.js';

function takeAll(slots: FairSlots, holder: string): number {
  let taken = 0;
  while (slots.tryTake(holder)) taken++;
  return taken;
}

/** The refusal that the promise was rejected with. */
async function refusalOf(promise: Promise<void>): Promise<unknown> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  return error instanceof NoSlot ? error.refusal : error;
}

describe('fair slots', () => {
  it('leave a quarter to others however much one holder asks for', () => {
    const slots = new FairSlots({ slots: 64, waitersMax: 100 });
    expect(takeAll(slots, 'greedy')).toBe(48);
    expect(takeAll(slots, 'second')).toBe(12);
    expect(takeAll(slots, 'third')).toBe(3);
    expect(takeAll(slots, 'fourth')).toBe(1);
  });

  it('give even the only slot to who comes alone', () => {
    const slots = new FairSlots({ slots: 1, waitersMax: 1 });
    expect(takeAll(slots, 'a')).toBe(1);
    slots.release('a');
    expect(takeAll(slots, 'b')).toBe(1);
  });

  it('make holders that wait take turns, each in its own order', async () => {
    const slots = new FairSlots({ slots: 4, waitersMax: 100 });
    expect([takeAll(slots, 'x'), takeAll(slots, 'y')]).toEqual([3, 1]);
    const over = new Cancellation();
    const order: string[] = [];
    const wait = (holder: string, name: string) =>
      slots.take(holder, over).then(() => {
        order.push(name);
        slots.release(holder);
      });
    const all = [wait('a', 'a1'), wait('a', 'a2'), wait('a', 'a3'), wait('b', 'b1'), wait('c', 'c1')];
    slots.release('x');
    await Promise.all(all);
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'a3']);
    expect(slots.waiting).toBe(0);
  });

  it('are given to who waits before who comes', async () => {
    const slots = new FairSlots({ slots: 1, waitersMax: 10 });
    slots.tryTake('a');
    const waiting = slots.take('a', new Cancellation());
    slots.release('a');
    expect(slots.tryTake('b')).toBe(false);
    await waiting;
    expect(slots.heldBy('a')).toBe(1);
  });

  it('say which limit it was', async () => {
    const slots = new FairSlots({ slots: 8, waitersMax: 8 });
    expect(takeAll(slots, 'a')).toBe(6);
    const over = new Cancellation();
    const waiting = Array.from({ length: 6 }, () => refusalOf(slots.take('a', over)));
    expect(await refusalOf(slots.take('a', over))).toEqual({ limit: 'queue', held: 6, waiting: 6 });
    expect(takeAll(slots, 'b')).toBe(2);
    const newcomer = new Cancellation();
    const refused = refusalOf(slots.take('c', newcomer));
    newcomer.cancel();
    expect(await refused).toEqual({ limit: 'all' });
    over.cancel();
    expect(await Promise.all(waiting)).toEqual(Array(6).fill({ limit: 'share', held: 6 }));
    expect(slots.waiting).toBe(0);
  });

  it('lose nothing when who waits gives up', async () => {
    const slots = new FairSlots({ slots: 2, waitersMax: 10 });
    expect(takeAll(slots, 'a')).toBe(2);
    const first = new Cancellation();
    const second = new Cancellation();
    const gaveUp = refusalOf(slots.take('b', first));
    const served = slots.take('b', second);
    first.cancel();
    await gaveUp;
    slots.release('a');
    await served;
    slots.release('b');
    slots.release('a');
    expect(takeAll(slots, 'c')).toBe(2);
  });
});

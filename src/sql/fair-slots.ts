/**
 * Gives out a fixed number of slots so that no holder can keep all others out: a holder may take one more only while it
 * has less than SHARE times what is free (a dynamic threshold, as switches divide their buffers). Alone it gets three
 * quarters, two get three sevenths each, and something is always left for a newcomer. Holders that wait take turns.
 * Its owner decides what a slot is; there is no I/O here.
 */
import type { Cancellation } from '../std/cancellation.js';

/** Large enough that one busy application keeps its throughput, small enough that a quarter stays for others. */
const SHARE = 3;

/** Whether a holder of `held` slots may have one more, when `free` slots are free. */
export function mayHaveOneMore(held: number, free: number): boolean {
  return held < SHARE * free;
}

export interface FairSlotsOptions {
  readonly slots: number;
  /** Requests that wait for a slot, of all holders together. Each holder's part is bounded as its slots are. */
  readonly waitersMax: number;
}

/** Why there was no slot: the holder's own share was used up, or everything was. */
export type SlotRefusal =
  | { readonly limit: 'share'; readonly held: number }
  | { readonly limit: 'queue'; readonly held: number; readonly waiting: number }
  | { readonly limit: 'all' };

export class NoSlot extends Error {
  readonly refusal: SlotRefusal;

  constructor(refusal: SlotRefusal) {
    super(`no slot: ${refusal.limit}`);
    this.refusal = refusal;
  }
}

interface Waiter {
  readonly grant: () => void;
}

export class FairSlots {
  readonly #options: FairSlotsOptions;
  readonly #held = new Map<string, number>();
  /** The first in the order of the map is the next one whose turn it is. */
  readonly #waiting = new Map<string, Waiter[]>();
  #heldTotal = 0;
  #waitingTotal = 0;

  constructor(options: FairSlotsOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waitingTotal;
  }

  heldBy(holder: string): number {
    return this.#held.get(holder) ?? 0;
  }

  /** True: the holder has one more. Those that wait already go first. */
  tryTake(holder: string): boolean {
    if (this.#waiting.has(holder) || !this.#mayTake(holder)) return false;
    this.#take(holder);
    return true;
  }

  /** Resolves when the holder has one more. @throws NoSlot */
  take(holder: string, over: Cancellation): Promise<void> {
    if (this.tryTake(holder)) return Promise.resolve();
    const queue = this.#waiting.get(holder) ?? [];
    const freePlaces = this.#options.waitersMax - this.#waitingTotal;
    if (over.cancelled || freePlaces <= 0) return Promise.reject(this.#refused(holder));
    if (!mayHaveOneMore(queue.length, freePlaces)) {
      const held = this.heldBy(holder);
      return Promise.reject(new NoSlot({ limit: 'queue', held, waiting: queue.length }));
    }
    return new Promise((resolve, reject) => {
      const onEnd = () => {
        this.#forget(holder, waiter);
        reject(this.#refused(holder));
      };
      const waiter: Waiter = {
        grant: () => {
          over.off(onEnd);
          resolve();
        },
      };
      queue.push(waiter);
      this.#waiting.set(holder, queue);
      this.#waitingTotal++;
      over.on(onEnd);
    });
  }

  release(holder: string): void {
    const held = this.heldBy(holder) - 1;
    if (held > 0) this.#held.set(holder, held);
    else this.#held.delete(holder);
    this.#heldTotal--;
    this.#grantAll();
  }

  #mayTake(holder: string): boolean {
    return mayHaveOneMore(this.heldBy(holder), this.#options.slots - this.#heldTotal);
  }

  #take(holder: string): void {
    this.#held.set(holder, this.heldBy(holder) + 1);
    this.#heldTotal++;
  }

  /** A returned slot may let more than one holder go on, because the returning holder has a smaller share now. */
  #grantAll(): void {
    while (this.#grantNext());
  }

  #grantNext(): boolean {
    for (const [holder, queue] of this.#waiting) {
      const waiter = queue[0];
      if (waiter === undefined || !this.#mayTake(holder)) continue;
      this.#forget(holder, waiter);
      if (queue.length > 0) {
        // Its next turn comes after all the others'.
        this.#waiting.delete(holder);
        this.#waiting.set(holder, queue);
      }
      this.#take(holder);
      waiter.grant();
      return true;
    }
    return false;
  }

  #forget(holder: string, waiter: Waiter): void {
    const queue = this.#waiting.get(holder);
    const at = queue?.indexOf(waiter) ?? -1;
    if (queue === undefined || at === -1) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#waiting.delete(holder);
    this.#waitingTotal--;
  }

  /** Says what keeps this holder from a slot. */
  #refused(holder: string): NoSlot {
    const held = this.heldBy(holder);
    return new NoSlot(held > 0 && !this.#mayTake(holder) ? { limit: 'share', held } : { limit: 'all' });
  }
}

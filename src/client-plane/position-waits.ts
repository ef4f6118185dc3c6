import type { FactsReader } from '../planes/facts-reader.js';
import type { PlaneSignals } from '../planes/plane-signals.js';
import type { PlaneState } from '../planes/shared-state.js';
import type { Cancellation } from '../std/cancellation.js';
import { CANCELLED } from '../std/unless-cancelled.js';

/**
 * Waits for positions in shared memory. A position that is already reached costs one read. The replication plane sends a
 * message about the next move only while somebody waits.
 */
export class PositionWaits {
  readonly #plane: FactsReader;
  readonly #signals: Pick<PlaneSignals, 'wait'>;
  readonly #readNow: () => void;
  readonly #waiting = new Set<() => void>();

  constructor(modules: {
    readonly plane: FactsReader;
    readonly signals: Pick<PlaneSignals, 'wait'>;
    /** Tells the replication plane that a request waits, so that it reads batched data now. */
    readNow(): void;
  }) {
    this.#plane = modules.plane;
    this.#signals = modules.signals;
    this.#readNow = modules.readNow;
  }

  /** Resolves once `done` is true. Rejects with what it throws, or with CANCELLED when `over` comes first. */
  until(done: (state: PlaneState) => boolean, over: Cancellation): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        this.#waiting.delete(check);
        over.off(check);
        settle();
      };
      const check = () => {
        try {
          if (over.cancelled) finish(() => reject(CANCELLED));
          else if (done(this.#plane.state)) finish(resolve);
          else return false;
        } catch (error) {
          finish(() => reject(error as Error));
        }
        return true;
      };
      if (check()) return;
      this.#waiting.add(check);
      over.on(check);
      this.#readNow();
      this.#wait();
    });
  }

  /** To be called when the replication plane tells that a position has moved. */
  moved(): void {
    this.#checkAll();
    this.#wait();
  }

  #wait(): void {
    if (this.#waiting.size === 0) return;
    this.#signals.wait();
    // The position may have moved just before the replication plane saw that somebody waits.
    this.#checkAll();
  }

  #checkAll(): void {
    for (const check of [...this.#waiting]) check();
  }
}

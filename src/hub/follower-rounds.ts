/**
 * Rounds that prove that a quorum still follows this primary, for linearizable reads (rule H3: a read is confirmed by a
 * round trip that began after the request, never by a clock). One round runs at a time and serves all requests that
 * arrived before it began. A request that arrives during a round waits for the next one. Pure: takes answers, names the
 * rounds to send.
 */
export interface FollowerRoundsModules {
  /** Whether these replicas, with the primary, are a quorum. */
  isEnough(replicas: ReadonlySet<string>): boolean;
  /** Sends the round to every replica that counts in the quorum. */
  send(round: number): void;
}

const NO_REPLICAS: ReadonlySet<string> = new Set();

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

export class FollowerRounds {
  readonly #modules: FollowerRoundsModules;
  readonly #answered = new Set<string>();
  #round = 0;
  #running: Set<Waiter> | null = null;
  #next = new Set<Waiter>();

  constructor(modules: FollowerRoundsModules) {
    this.#modules = modules;
  }

  /** Number of the round that waits for answers, or null. A replica that attaches during a round gets it too. */
  get running(): number | null {
    return this.#running === null ? null : this.#round;
  }

  /** Resolves once a round that began after this call is answered. Rejects with the signal's reason. */
  confirm(signal: AbortSignal): Promise<void> {
    if (this.#modules.isEnough(NO_REPLICAS)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settled = (settle: () => void) => () => {
        signal.removeEventListener('abort', abort);
        settle();
      };
      const waiter: Waiter = {
        resolve: settled(resolve),
        reject: (error) => settled(() => reject(error))(),
      };
      const abort = () => {
        this.#running?.delete(waiter);
        this.#next.delete(waiter);
        waiter.reject(signal.reason as Error);
      };
      if (signal.aborted) {
        abort();
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      this.#next.add(waiter);
      // A running round that no request waits for need not finish before the next one begins.
      if (this.#running === null || this.#running.size === 0) this.#begin();
    });
  }

  /** `node` has answered `round`: it follows this primary. */
  answered(node: string, round: number): void {
    if (this.#running === null || round !== this.#round) return;
    this.#answered.add(node);
    if (!this.#modules.isEnough(this.#answered)) return;
    const served = this.#running;
    this.#running = null;
    for (const waiter of served) waiter.resolve();
    if (this.#next.size > 0) this.#begin();
  }

  /** The role has ended: rejects every waiter. */
  end(error: Error): void {
    const waiters = [...(this.#running ?? []), ...this.#next];
    this.#running = null;
    this.#next = new Set();
    for (const waiter of waiters) waiter.reject(error);
  }

  #begin(): void {
    this.#round++;
    this.#answered.clear();
    this.#running = this.#next;
    this.#next = new Set();
    this.#modules.send(this.#round);
  }
}

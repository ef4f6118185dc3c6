/**
 * Rounds that prove that a quorum still follows this primary, for reads that may never be stale (rule H3: confirmed
 * by a round trip that began after the request, never by a clock). One round runs at a time. It serves all requests
 * that came before it began; a request that comes during a round waits for the next. Pure: answers in, rounds to send
 * out.
 */
export interface FollowerRoundsModules {
  /** Whether these replicas, with the primary, are a quorum. */
  isEnough(replicas: ReadonlySet<string>): boolean;
  /** Asks every replica that counts. */
  send(round: number): void;
}

const NOBODY: ReadonlySet<string> = new Set();

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

export class FollowerRounds {
  readonly #modules: FollowerRoundsModules;
  readonly #heard = new Set<string>();
  #round = 0;
  #running: Set<Waiter> | null = null;
  #next = new Set<Waiter>();

  constructor(modules: FollowerRoundsModules) {
    this.#modules = modules;
  }

  /** The round that waits for answers, or null. A replica that attaches during a round is asked too. */
  get running(): number | null {
    return this.#running === null ? null : this.#round;
  }

  /** Resolves once a round that began after this call is answered. Rejects with the signal's reason. */
  confirm(signal: AbortSignal): Promise<void> {
    if (this.#modules.isEnough(NOBODY)) return Promise.resolve();
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
      // A round without waiters need not finish before the next begins.
      if (this.#running === null || this.#running.size === 0) this.#begin();
    });
  }

  /** `node` has answered `round`: it follows this primary. */
  answered(node: string, round: number): void {
    if (this.#running === null || round !== this.#round) return;
    this.#heard.add(node);
    if (!this.#modules.isEnough(this.#heard)) return;
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
    this.#heard.clear();
    this.#running = this.#next;
    this.#next = new Set();
    this.#modules.send(this.#round);
  }
}

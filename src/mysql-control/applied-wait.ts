import type { Flavour } from '../flavour/flavour.js';
import type { Connection } from '../mysql-client/connection.js';
import { KeptSession } from '../mysql-client/kept-session.js';
import { sleep, withDeadline } from '../std/timing.js';

/** Interval of position queries while there are waiters; each costs the server some 30 microseconds. */
const POLL_MS = 1;
/** A server that takes longer to tell its position is taken to hang. */
const ANSWER_MS = 10_000;
/** Above this number of waiters, further ones time out at once. */
const WAITERS_MAX = 10_000;

interface Waiter {
  ordinal: number;
  deadline: number;
  settle(reached: boolean): void;
}

type AppliedWaitFlavour = Pick<Flavour, 'countOf' | 'sql'>;

/**
 * Waits until the server has applied everything up to an ordinal, for any number of readers with one session. The server's position is polled
 * only while there are waiters.
 */
export class AppliedWait {
  readonly #session: KeptSession;
  readonly #waiters = new Set<Waiter>();
  readonly #flavour: AppliedWaitFlavour;
  #polling = false;

  constructor(modules: { connect: () => Promise<Connection>; flavour: AppliedWaitFlavour }) {
    this.#session = new KeptSession(modules.connect);
    this.#flavour = modules.flavour;
  }

  /** True when the server has applied everything up to `ordinal`, false when the time is over. */
  wait(ordinal: number, timeoutMs: number): Promise<boolean> {
    if (ordinal === 0) return Promise.resolve(true);
    if (this.#waiters.size >= WAITERS_MAX) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        ordinal,
        deadline: performance.now() + timeoutMs,
        settle: (reached) => {
          this.#waiters.delete(waiter);
          resolve(reached);
        },
      };
      this.#waiters.add(waiter);
      if (!this.#polling) void this.#poll();
    });
  }

  serverDown(): void {
    this.#session.drop();
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    while (this.#waiters.size > 0) {
      const applied = await this.#applied();
      const now = performance.now();
      for (const waiter of this.#waiters) {
        if (applied !== null && waiter.ordinal <= applied) waiter.settle(true);
        else if (now >= waiter.deadline) waiter.settle(false);
      }
      if (this.#waiters.size > 0) await sleep(applied === null ? 20 * POLL_MS : POLL_MS);
    }
    this.#polling = false;
  }

  /** Null when the server cannot be asked now. */
  async #applied(): Promise<number | null> {
    const { sql, countOf } = this.#flavour;
    try {
      const [row] = await this.#session.use((connection) =>
        withDeadline(
          connection.query(`SELECT ${sql.positions.applied}`),
          ANSWER_MS,
          "The query of the server's position",
        ),
      );
      return countOf(row?.[0] ?? '');
    } catch {
      return null;
    }
  }
}

import { messageOf } from '../model/error.js';
import type { LocalControl } from '../roles/local-server.js';
import type { RoleNode } from '../roles/role-node.js';
import { type Clock, systemClock, type Timer } from '../std/clock.js';
import type { Logger } from '../std/logger.js';

/** Poll interval of the applied position while transactions wait to be applied. It limits the precision of the lag. */
const BUSY_MS = 100;

interface ServerWatchModules {
  readonly logger: Logger;
  readonly control: LocalControl;
  readonly role: RoleNode;
  /** Other periodic work on the server, independent of the node's role. */
  readonly upkeep: readonly (() => Promise<void>)[];
  busy(): boolean;
  readonly clock?: Clock;
}

/** Polls the server's status while the server runs. The next poll begins after the previous one has ended. */
export class ServerWatch {
  readonly #options: { intervalMs: number };
  readonly #modules: ServerWatchModules;
  readonly #clock: Clock;
  #timer: Timer | null = null;
  #stopped = false;
  #isLooking = false;
  /** Somebody waits for the next look, which begins after the present one. */
  #isWanted = false;
  #failing = false;
  #threadsAtMs = 0;
  #upkeepAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: { intervalMs: number }, modules: ServerWatchModules) {
    this.#options = options;
    this.#modules = modules;
    this.#clock = modules.clock ?? systemClock;
  }

  start(): void {
    this.#schedule(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.clearTimer(this.#timer);
  }

  /** Somebody waits for what the server has applied. */
  lookNow(): void {
    this.#isWanted = true;
    if (this.#isLooking || this.#stopped) return;
    this.#clock.clearTimer(this.#timer);
    this.#schedule(0);
  }

  #schedule(ms: number): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.setTimer(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { control, role, logger, busy } = this.#modules;
    this.#isLooking = true;
    this.#isWanted = false;
    try {
      const reading = await control.status();
      if (this.#stopped) return;
      role.watch(reading);
      if (role.role === 'replica' && this.#clock.nowMs() - this.#threadsAtMs > this.#options.intervalMs) {
        this.#threadsAtMs = this.#clock.nowMs();
        const threads = await control.replicaStatus();
        if (!this.#stopped) await role.watchThreads(threads);
      }
      await this.#runUpkeep();
      this.#failing = false;
    } catch (error) {
      // The end of the server is reported elsewhere. A failure while the server runs is logged once.
      if (!this.#failing)
        logger.warn({ reason: messageOf(error) }, 'the server did not answer a status query');
      this.#failing = true;
    }
    this.#isLooking = false;
    if (this.#isWanted) this.#schedule(0);
    else this.#schedule(busy() ? BUSY_MS : this.#options.intervalMs);
  }

  async #runUpkeep(): Promise<void> {
    if (this.#clock.nowMs() - this.#upkeepAtMs < this.#options.intervalMs) return;
    this.#upkeepAtMs = this.#clock.nowMs();
    for (const task of this.#modules.upkeep) {
      if (!this.#stopped) await task();
    }
  }
}

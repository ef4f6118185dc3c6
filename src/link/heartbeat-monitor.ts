import type { Clock, Timer } from '../std/clock.js';

export interface HeartbeatOptions {
  /** How often a heartbeat is sent. */
  readonly intervalMs: number;
  /** Silence after which the peer counts as gone. */
  readonly goneAfterMs: number;
}

export interface HeartbeatModules {
  readonly clock: Clock;
  beat(): void;
  /** Monotonic; when the last byte came. */
  heardAtMs(): number;
  /** False while this end does not read: then silence says nothing about the peer. */
  listening(): boolean;
  silent(silentMs: number): void;
}

/** Sends a heartbeat at once and then at every interval, and reports when the peer has been silent for too long. */
export class HeartbeatMonitor {
  readonly #options: HeartbeatOptions;
  readonly #modules: HeartbeatModules;
  #timer: Timer | null = null;
  #tickAtMs = 0;
  #heardAtMs = 0;
  #excusedMs = 0;

  constructor(options: HeartbeatOptions, modules: HeartbeatModules) {
    this.#options = options;
    this.#modules = modules;
  }

  start(): void {
    this.#tickAtMs = this.#modules.clock.nowMs();
    this.#arm();
    this.#modules.beat();
  }

  stop(): void {
    this.#modules.clock.clearTimer(this.#timer);
    this.#timer = null;
  }

  #arm(): void {
    const { clock } = this.#modules;
    this.#timer = clock.setTimer(this.#options.intervalMs, () => this.#tick(clock.nowMs()));
  }

  #tick(nowMs: number): void {
    // First, because the calls below may stop this monitor.
    this.#arm();
    const { intervalMs, goneAfterMs } = this.#options;
    const elapsedMs = nowMs - this.#tickAtMs;
    this.#tickAtMs = nowMs;
    const heardAtMs = this.#modules.heardAtMs();
    if (heardAtMs !== this.#heardAtMs) {
      this.#heardAtMs = heardAtMs;
      this.#excusedMs = 0;
    }
    // While this process was stopped or starved it could not receive. That time does not count as the peer's silence.
    if (!this.#modules.listening()) this.#excusedMs += elapsedMs;
    else if (elapsedMs > 2 * intervalMs) this.#excusedMs += elapsedMs - intervalMs;
    const silentMs = nowMs - heardAtMs - this.#excusedMs;
    if (silentMs >= goneAfterMs) this.#modules.silent(silentMs);
    else this.#modules.beat();
  }
}

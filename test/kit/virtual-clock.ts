import type { Clock, Timer } from '../../src/std/clock.js';

interface Due {
  readonly atMs: number;
  readonly action: () => void;
}

/** A clock on which time passes only when the test says so. */
export class VirtualClock implements Clock {
  #nowMs = 1000;
  /** In the order in which they were set. */
  readonly #timers = new Set<Due>();

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(ms: number, action: () => void): Timer {
    const due = { atMs: this.#nowMs + ms, action };
    this.#timers.add(due);
    return due;
  }

  clearTimer(timer: Timer | null): void {
    if (timer) this.#timers.delete(timer as Due);
  }

  /** Whether a timer is set that ends within `ms` from now. */
  isDueWithin(ms: number): boolean {
    const first = this.#first();
    return first !== null && first.atMs <= this.#nowMs + ms;
  }

  /** Time passes: each timer that ends meanwhile runs at its time, also one that was set by another. */
  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let due = this.#first(); due !== null && due.atMs <= endMs; due = this.#first()) {
      this.#timers.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.action();
    }
    this.#nowMs = endMs;
  }

  /** Time passes in which this process has no turn: nothing runs before the next `pass`, late. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  #first(): Due | null {
    let first: Due | null = null;
    for (const due of this.#timers) if (first === null || due.atMs < first.atMs) first = due;
    return first;
  }
}

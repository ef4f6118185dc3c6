/** One observation of a node by the supervisor. */
export interface NodeLook {
  /** The supervisor's monotonic clock. */
  readonly nowMs: number;
  /** Changes when the node's event loop turns; null: the node has not written its alive file yet. */
  readonly touch: string | null;
  /** CPU time of the process so far. */
  readonly cpuMs: number;
  /** The process is runnable, even if it gets no CPU. */
  readonly runnable: boolean;
}

/** Interval of the supervisor's checks. A check that comes much later shows that the supervisor itself did not run. */
export const LOOK_INTERVAL_MS = 1000;
const OWN_PAUSE_MS = 3 * LOOK_INTERVAL_MS;
/**
 * Rule H4: a node that gets little CPU on saturated cores has six times the limit (30 s by default). A spinning loop gets
 * more than a fifth of a core even beside a few others, and no turn of a healthy loop uses that much CPU (a second, by
 * default).
 */
const STARVED_FACTOR = 6;
const STARVED_SHARE = 0.2;

/**
 * Decides whether a node hangs: its event loop has not turned for `limitMs`. A busy node is not a dead one (rule H4):
 * time in which the supervisor itself did not run does not count (a suspended machine), and a node that could run but got
 * little CPU has six times the limit.
 */
export class HangDetector {
  readonly #limitMs: number;
  #touch: string | null = null;
  #since: { nowMs: number; cpuMs: number } | null = null;
  #lastLookMs = Number.NEGATIVE_INFINITY;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Milliseconds of silence when the node hangs, else null. */
  look({ nowMs, touch, cpuMs, runnable }: NodeLook): number | null {
    const paused = nowMs - this.#lastLookMs > OWN_PAUSE_MS;
    this.#lastLookMs = nowMs;
    if (touch === null) {
      this.#since = null;
      return null;
    }
    if (paused || this.#since === null || touch !== this.#touch) {
      this.#touch = touch;
      this.#since = { nowMs, cpuMs };
      return null;
    }
    const silentMs = nowMs - this.#since.nowMs;
    const starved = runnable && cpuMs - this.#since.cpuMs < silentMs * STARVED_SHARE;
    return silentMs >= this.#limitMs * (starved ? STARVED_FACTOR : 1) ? silentMs : null;
  }
}

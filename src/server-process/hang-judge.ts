/** One observation of a server by its node. */
export interface ServerLook {
  /** The node's monotonic clock. */
  readonly nowMs: number;
  /** Changes with everything that only a server does which runs. */
  readonly signs: number;
  /** Nobody listens at its socket: it is starting or ending, and both may take long. */
  readonly isClosed: boolean;
  /** CPU time of the process so far. */
  readonly cpuMs: number;
  /** One of its threads runs, or waits for nothing but a core. */
  readonly runnable: boolean;
}

export interface Silence {
  /** Since the last sign. */
  readonly silentMs: number;
  /** It uses its cores, or would if it got one. */
  readonly isWorking: boolean;
  /** Silence from which on it counts as hung. */
  readonly limitMs: number;
  readonly isHung: boolean;
}

export const LOOK_INTERVAL_MS = 500;
/** A look that comes later than this judges nothing: what the server has said meanwhile is not read yet. */
const LATE_MS = 2 * LOOK_INTERVAL_MS;
/** A look that comes later than this shows that the node itself did not run. */
const OWN_PAUSE_MS = 6 * LOOK_INTERVAL_MS;
/** Rule H4: a busy server is not a dead one. */
const WORKING_FACTOR = 6;
/** The background threads of a server that serves nobody use a hundredth of a core. */
const WORKING_SHARE = 0.05;

/**
 * Decides whether a server hangs: for `limitMs` it has answered neither a statement nor a new connection, and has done nothing
 * else either. One that uses its cores, or waits for one, has six times the limit. Time in which the node itself did not run, or
 * in which the server is starting or ending, does not count. Pure.
 */
export class HangJudge {
  readonly #limitMs: number;
  #lastLookMs = Number.NEGATIVE_INFINITY;
  #signs = -1;
  #since = { nowMs: 0, cpuMs: 0 };
  #looks = 0;
  #runnableLooks = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  look({ nowMs, signs, isClosed, cpuMs, runnable }: ServerLook): Silence {
    const pausedMs = nowMs - this.#lastLookMs;
    this.#lastLookMs = nowMs;
    if (signs !== this.#signs || isClosed || pausedMs > OWN_PAUSE_MS) {
      this.#signs = signs;
      this.#since = { nowMs, cpuMs };
      this.#looks = 0;
      this.#runnableLooks = 0;
      return { silentMs: 0, isWorking: false, limitMs: this.#limitMs, isHung: false };
    }
    this.#looks++;
    if (runnable) this.#runnableLooks++;
    const silentMs = nowMs - this.#since.nowMs;
    const isWorking =
      cpuMs - this.#since.cpuMs >= silentMs * WORKING_SHARE || 2 * this.#runnableLooks > this.#looks;
    const limitMs = this.#limitMs * (isWorking ? WORKING_FACTOR : 1);
    return { silentMs, isWorking, limitMs, isHung: silentMs >= limitMs && pausedMs <= LATE_MS };
  }
}

/** An event loop hangs when this many checks in a row see no turn. */
const LOOKS = 10;

/**
 * Detects from another thread that an event loop hangs. It counts checks, not time: while the whole process is stopped
 * (SIGSTOP, suspend), the checks stop too.
 */
export class TurnWatch {
  readonly #timer: NodeJS.Timeout;
  #seen = -1;
  #still = 0;

  constructor(
    options: { readonly hungMs: number },
    modules: {
      /** A number that changes while the event loop turns; null before its first turn. */
      turns(): number | null;
      hung(): void;
    },
  ) {
    this.#timer = setInterval(() => {
      const turns = modules.turns();
      this.#still = turns === this.#seen && turns !== null ? this.#still + 1 : 0;
      this.#seen = turns ?? -1;
      if (this.#still >= LOOKS) modules.hung();
    }, options.hungMs / LOOKS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

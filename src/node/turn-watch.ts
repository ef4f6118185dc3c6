/** A hang is so many looks in a row that see no turn. */
const LOOKS = 10;

/**
 * Finds an event loop that does not turn any more, from another thread. Counted in looks and not by the clock: while all of
 * the process stands still, both threads do.
 */
export class TurnWatch {
  readonly #timer: NodeJS.Timeout;
  #seen = -1;
  #still = 0;

  constructor(
    options: { readonly hungMs: number },
    modules: {
      /** Changes while it turns; null: it has not begun to. */
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

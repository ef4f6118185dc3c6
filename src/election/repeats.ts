/** A sentence that comes again and again is let through once in this time at first, then ever less often. */
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** Sentences name epochs and ordinals, so there are always new ones; old ones are forgotten. */
const SENTENCES_MAX = 100;

interface Said {
  readonly atMs: number;
  readonly quietMs: number;
  readonly heldBack: number;
}

/** Keeps a log readable in which the same sentence could come with each message. */
export class Repeats {
  readonly #said = new Map<string, Said>();

  /** How often the sentence was held back since it was let through last; null = hold it back now. */
  pass(sentence: string, nowMs: number): number | null {
    const said = this.#said.get(sentence);
    const sinceMs = nowMs - (said?.atMs ?? Number.NEGATIVE_INFINITY);
    if (said && sinceMs < said.quietMs) {
      this.#said.set(sentence, { ...said, heldBack: said.heldBack + 1 });
      return null;
    }
    const goesOn = said !== undefined && sinceMs < 2 * said.quietMs;
    const quietMs = goesOn ? Math.min(2 * said.quietMs, LONGEST_MS) : FIRST_MS;
    this.#said.delete(sentence);
    this.#said.set(sentence, { atMs: nowMs, quietMs, heldBack: 0 });
    const [oldest] = this.#said.keys();
    if (this.#said.size > SENTENCES_MAX && oldest !== undefined) this.#said.delete(oldest);
    return said?.heldBack ?? 0;
  }
}

/**
 * A limit on the bytes held at a time. Each holder (a token) gets at most a share, so that one holder cannot use it
 * all. Callers do not wait: what does not fit is refused.
 */

export interface ByteBudgetOptions {
  readonly bytesMax: number;
  /** Of one holder; default half of all. */
  readonly shareMax?: number;
}

/** The bytes that one request holds. */
export interface HeldBytes {
  /** False when that much more does not fit, or everything was given back; then nothing was added. */
  grow(bytes: number): boolean;
  /** Gives everything back; `grow` fails afterwards. May be called again. */
  release(): void;
}

export class ByteBudget {
  readonly #bytesMax: number;
  readonly #shareMax: number;
  readonly #byHolder = new Map<string, number>();
  #used = 0;

  constructor({ bytesMax, shareMax = bytesMax / 2 }: ByteBudgetOptions) {
    this.#bytesMax = bytesMax;
    this.#shareMax = shareMax;
  }

  get used(): number {
    return this.#used;
  }

  hold(holder: string): HeldBytes {
    let held = 0;
    let released = false;
    return {
      grow: (bytes) => {
        if (released || !this.#take(holder, bytes)) return false;
        held += bytes;
        return true;
      },
      release: () => {
        released = true;
        this.#give(holder, held);
        held = 0;
      },
    };
  }

  #take(holder: string, bytes: number): boolean {
    const own = this.#byHolder.get(holder) ?? 0;
    if (own + bytes > this.#shareMax || this.#used + bytes > this.#bytesMax) return false;
    this.#byHolder.set(holder, own + bytes);
    this.#used += bytes;
    return true;
  }

  #give(holder: string, bytes: number): void {
    if (bytes === 0) return;
    const left = (this.#byHolder.get(holder) ?? 0) - bytes;
    if (left > 0) this.#byHolder.set(holder, left);
    else this.#byHolder.delete(holder);
    this.#used -= bytes;
  }
}

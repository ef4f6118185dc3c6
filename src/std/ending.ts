/**
 * Something that ends once, for what every request makes: an AbortController with a listener or two costs several
 * microseconds. Whoever needs the real thing gets it from `signal`, and only then it is made.
 */
export class Ending {
  #over = false;
  readonly #listeners = new Set<() => void>();
  #controller: AbortController | null = null;

  get over(): boolean {
    return this.#over;
  }

  /** Calls everybody who waits for it, once. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
    this.#controller?.abort();
  }

  /** The listener is called when it ends, at once if it has ended. It must not throw. */
  on(listener: () => void): void {
    if (this.#over) listener();
    else this.#listeners.add(listener);
  }

  off(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** The same as an AbortSignal. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#over) this.#controller.abort();
    return this.#controller.signal;
  }
}

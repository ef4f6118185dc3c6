/**
 * A light cancellation token, made several times for every request: an AbortController with a listener or two costs
 * several microseconds. `signal` makes a real AbortSignal, only when it is asked for.
 */
export class Cancellation {
  #cancelled = false;
  readonly #listeners = new Set<() => void>();
  #controller: AbortController | null = null;

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Calls every listener, once. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
    this.#controller?.abort();
  }

  /** The listener is called at the cancellation, or at once if that has happened. It must not throw. */
  on(listener: () => void): void {
    if (this.#cancelled) listener();
    else this.#listeners.add(listener);
  }

  off(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** The same as an AbortSignal. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#cancelled) this.#controller.abort();
    return this.#controller.signal;
  }
}

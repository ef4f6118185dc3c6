/**
 * One question for all who want its answer: each gets one that was asked for after it came, and there is one question
 * under way at a time.
 */
export class FreshAnswers<T> {
  readonly #ask: () => Promise<T>;
  #running: Promise<T> | null = null;
  #next: Promise<T> | null = null;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  get(): Promise<T> {
    if (!this.#running) return this.#begin();
    // A question that is under way may have been answered before this caller came.
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<T> {
    this.#next = null;
    const running = this.#ask().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }
}

/** How fast a log grows. */

/** Long enough that one large transaction does not dominate the rate, short enough to follow a change of the load. */
const WINDOW_MS = 10 * 60_000;

export class LogGrowth {
  #samples: { readonly atMs: number; readonly written: number }[] = [];
  #files = new Map<string, number>();
  #written = 0;

  /** The server has another log, or the log was reset. */
  forget(): void {
    this.#samples = [];
    this.#files.clear();
  }

  note(files: readonly { readonly name: string; readonly bytes: number }[], nowMs: number): void {
    const isFirst = this.#files.size === 0;
    const grown = files.reduce((sum, { name, bytes }) => sum + bytes - (this.#files.get(name) ?? 0), 0);
    this.#files = new Map(files.map(({ name, bytes }) => [name, bytes]));
    if (!isFirst) this.#written += Math.max(0, grown);
    this.#samples.push({ atMs: nowMs, written: this.#written });
    this.#samples = this.#samples.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS);
  }

  get bytesPerSecond(): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return 0;
    return ((last.written - first.written) / (last.atMs - first.atMs)) * 1000;
  }
}

/** Batching time of lines that are not urgent. A crash loses the lines of this time. */
const BATCH_MS = 10;
/** Lines are passed on together; more than this is passed on at once. */
const PENDING_BYTES_MAX = 256 * 1024;

/** Batches lines and passes them on together; pending lines are passed on when the thread ends. */
export class LineBatch {
  readonly #pass: (lines: readonly string[], urgent: boolean) => void;
  #pending: string[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | null = null;

  /** `ended`: the thread ends, and the last lines were passed on. */
  constructor(modules: { pass(lines: readonly string[], urgent: boolean): void; ended?(): void }) {
    this.#pass = modules.pass;
    process.on('exit', () => {
      this.flush();
      modules.ended?.();
    });
  }

  /** @param line  with its line break at the end */
  write(line: string, { urgent }: { urgent: boolean }): void {
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    if (urgent || this.#pendingBytes > PENDING_BYTES_MAX) this.#flush(urgent);
    else this.#timer ??= setTimeout(() => this.flush(), BATCH_MS).unref();
  }

  flush(): void {
    this.#flush(false);
  }

  #flush(urgent: boolean): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#pending.length === 0) return;
    const lines = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#pass(lines, urgent);
  }
}

import type { LineSink } from '../std/pino-logger.js';

/** Batching time of lines before they are sent. A crash of this plane loses the lines of this time. */
const GATHER_MS = 10;
const PENDING_BYTES_MAX = 256 * 1024;

/** Lines for the node's log: the replication plane has its file, so they go there, many at a time. */
export class LogLines implements LineSink {
  readonly #send: (lines: readonly string[], urgent: boolean) => void;
  #pending: string[] = [];
  #pendingBytes = 0;
  #gathering: NodeJS.Timeout | null = null;

  constructor(modules: { send(lines: readonly string[], urgent: boolean): void }) {
    this.#send = modules.send;
    process.on('exit', () => this.flush());
  }

  write(line: string, { urgent }: { urgent: boolean }): void {
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    if (urgent || this.#pendingBytes > PENDING_BYTES_MAX) this.#flush(urgent);
    else this.#gathering ??= setTimeout(() => this.flush(), GATHER_MS).unref();
  }

  flush(): void {
    this.#flush(false);
  }

  #flush(urgent: boolean): void {
    if (this.#gathering) clearTimeout(this.#gathering);
    this.#gathering = null;
    if (this.#pending.length === 0) return;
    const lines = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#send(lines, urgent);
  }
}

import { Readable } from 'node:stream';
import type { RateLimit } from '../std/rate-limit.js';

/** Kept for a reader that is slower than the program. */
const BUFFER_BYTES = 2 ** 20;
/**
 * The same while the program holds a lock for which commits wait: it must not wait for a slow reader then. What it writes
 * under the lock is the end of the redo log, which has 64 MiB, and some small files.
 */
const LOCKED_BUFFER_BYTES = 128 * 2 ** 20;

export interface LockedOutputModules {
  readonly limit: RateLimit;
  /** The program holds, or has asked for, a lock for which commits wait. */
  isLocked(): boolean;
}

/**
 * The bytes of a program as a stream that ends only when `end` is called, because the end of the program's output does not mean
 * that it is complete. A full buffer or the rate limit makes the program wait, except while it holds a lock.
 */
export class LockedOutput extends Readable {
  bytes = 0;
  readonly #source: Readable;
  readonly #modules: LockedOutputModules;
  #timer: NodeJS.Timeout | null = null;

  constructor(source: Readable, modules: LockedOutputModules) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#source = source;
    this.#modules = modules;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  /** Whether the program has to wait, for the reader or because of the rate limit. */
  get isHolding(): boolean {
    return this.#source.isPaused();
  }

  /** Commits wait for the program from now on, so it is not throttled. */
  stopThrottling(): void {
    this.#resume();
  }

  /** The output is complete. */
  end(): void {
    this.push(null);
  }

  override _read(): void {
    if (this.#timer === null) this.#resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#source.destroy();
    callback(error);
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return;
    this.bytes += chunk.length;
    this.push(chunk);
    const locked = this.#modules.isLocked();
    const waitMs = this.#modules.limit.book(chunk.length);
    if (this.readableLength >= (locked ? LOCKED_BUFFER_BYTES : BUFFER_BYTES)) this.#source.pause();
    if (waitMs < 1 || locked) return;
    this.#source.pause();
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.readableLength < BUFFER_BYTES) this.#source.resume();
    }, waitMs);
  }

  #resume(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#source.resume();
  }
}

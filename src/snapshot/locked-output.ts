import type { Socket } from 'node:net';
import { LentPieces } from '../std/lent-pieces.js';
import { programOutput } from '../std/program-output.js';
import type { RateLimit } from '../std/rate-limit.js';

/** Of one read: many for each wake-up of the program, and small enough to stay in the processor's cache. */
const PIECE_BYTES = 256 * 1024;
/** Kept for a reader that is slower than the program. */
const BUFFER_BYTES = 4 * PIECE_BYTES;
/**
 * The same while the program holds a lock for which commits wait: it must not wait for a slow reader then. What it writes
 * under the lock is the end of the redo log, which has 64 MiB, and some small files.
 */
const LOCKED_BUFFER_BYTES = 128 * 2 ** 20;
/** A smaller piece is copied, so that it does not occupy a whole buffer while it waits. */
const COPIED_BYTES = PIECE_BYTES / 2;

export interface LockedOutputModules {
  readonly limit: RateLimit;
  /** The program holds, or has asked for, a lock for which commits wait. */
  isLocked(): boolean;
  /** The reader has stopped, so the program has no purpose any more. */
  stopped(): void;
}

/**
 * The output of a program in pieces, each of which is valid until the next is asked for. It ends only when `end` is called,
 * because the end of the program's output does not mean that it is complete. A full buffer or the rate limit makes the
 * program wait, except while it holds a lock.
 */
export class LockedOutput {
  bytes = 0;
  readonly pieces: LentPieces;
  readonly #modules: LockedOutputModules;
  /** For further reads. */
  readonly #free: Buffer[] = [];
  /** Into which the next read goes. */
  #next: Buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #source: Socket | null = null;
  #timer: NodeJS.Timeout | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(modules: LockedOutputModules) {
    this.#modules = modules;
    this.pieces = new LentPieces({
      wanted: () => {
        if (this.#timer === null) this.#resume();
      },
      stopped: () => modules.stopped(),
      returned: ({ buffer }) => {
        if (buffer.byteLength === PIECE_BYTES && this.#free.length * PIECE_BYTES < BUFFER_BYTES)
          this.#free.push(Buffer.from(buffer));
      },
    });
  }

  /** Standard output for the program, which this process destroys once the program has it. */
  async open(): Promise<Socket> {
    const { reads, writes } = await programOutput({
      buffer: () => this.#next,
      take: (bytes) => this.#take(bytes),
    });
    this.#source = reads;
    this.#ended = new Promise((resolve) => {
      reads.once('end', resolve).once('close', resolve);
    });
    reads.resume();
    return writes;
  }

  /** Resolves when the program has closed its output, and all of it is here. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Whether the program has to wait, for the reader or because of the rate limit. */
  get isHolding(): boolean {
    return this.#source?.isPaused() ?? false;
  }

  /** Commits wait for the program from now on, so it is not throttled. */
  stopThrottling(): void {
    this.#resume();
  }

  close(): void {
    this.#resume();
    this.#source?.destroy();
  }

  #take(bytes: Buffer): void {
    this.bytes += bytes.length;
    if (bytes.length < COPIED_BYTES) {
      this.pieces.give(Buffer.from(bytes));
    } else {
      this.pieces.give(bytes);
      this.#next = this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
    }
    const locked = this.#modules.isLocked();
    const waitMs = this.#modules.limit.book(bytes.length);
    if (this.pieces.heldBytes >= (locked ? LOCKED_BUFFER_BYTES : BUFFER_BYTES)) this.#source?.pause();
    if (waitMs < 1 || locked) return;
    this.#source?.pause();
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.pieces.heldBytes < BUFFER_BYTES) this.#source?.resume();
    }, waitMs);
  }

  #resume(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#source?.resume();
  }
}

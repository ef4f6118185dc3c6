import type { RecordBatch } from '../model/records.js';

/**
 * The most recent batches, shared by all readers without a copy. Each reader has its own cursor. A batch is dropped when
 * the window is full and at least one reader has passed it, so the window keeps what the fastest reader still needs,
 * unless no commit waits for a reader. A slow reader may lose its place: it is 'behind', and catches up from the binary log.
 */
export class Window {
  readonly #bytesMax: number;
  readonly #cursors = new Set<Cursor>();
  /** Live batches begin at #head. The slots before it are empty; they are removed many at a time. */
  #batches: (RecordBatch | undefined)[] = [];
  #head = 0;
  /** Number of the first live batch, counted from the window's first batch. */
  #base = 0;
  #bytes = 0;
  /** Ordinal of the last complete group that was appended. */
  #end: number;

  constructor(options: { bytesMax: number; after: number }) {
    this.#bytesMax = options.bytesMax;
    this.#end = options.after;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The window is over its limit, and no batch can be dropped. */
  get full(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  /** Ordinal of the last complete group. */
  get end(): number {
    return this.#end;
  }

  append(batch: RecordBatch): void {
    this.#batches.push(batch);
    this.#bytes += batch.bytes.length;
    this.#end = batch.completeOrdinal;
  }

  /** Drops batches above the limit that at least one cursor has read; with `unread`, also those that none has read. */
  evict({ unread = false }: { unread?: boolean } = {}): void {
    if (this.#bytes <= this.#bytesMax) return;
    let passed = this.#base;
    for (const cursor of this.#cursors) if (cursor.at > passed) passed = cursor.at;
    if (unread) passed = Number.POSITIVE_INFINITY;
    while (this.#bytes > this.#bytesMax && this.#base < passed) {
      this.#bytes -= (this.#batches[this.#head] as RecordBatch).bytes.length;
      this.#batches[this.#head++] = undefined;
      this.#base++;
    }
    // Not at each call, because the splice moves all remaining batches.
    if (this.#head * 2 <= this.#batches.length) return;
    this.#batches.splice(0, this.#head);
    this.#head = 0;
  }

  /** A cursor at the batch that has the beginning of group `next`, or after the last batch. Null: the reader is behind. */
  cursor(next: number): Cursor | null {
    const at = this.#find(next);
    if (at === null) return null;
    const cursor = new Cursor(this, at, next);
    this.#cursors.add(cursor);
    return cursor;
  }

  #find(next: number): number | null {
    for (let i = this.#head; i < this.#batches.length; i++) {
      const batch = this.#batches[i] as RecordBatch;
      if (batch.lastOrdinal < next) continue;
      const holdsBeginning = batch.firstOrdinal < next || (batch.firstOrdinal === next && batch.startsGroup);
      return holdsBeginning ? this.#base + i - this.#head : null;
    }
    return next > this.#end ? this.#base + this.#batches.length - this.#head : null;
  }

  /** Whether a reader whose first group is `next` can start in this window. */
  covers(next: number): boolean {
    return this.#find(next) !== null;
  }

  /** @internal for Cursor */
  read(at: number): RecordBatch | null | 'behind' {
    if (at < this.#base) return 'behind';
    return this.#batches[at - this.#base + this.#head] ?? null;
  }

  /** @internal for Cursor */
  release(cursor: Cursor): void {
    this.#cursors.delete(cursor);
  }
}

export class Cursor {
  readonly #window: Window;
  /** Number of the next batch to read. */
  at: number;
  /** The reader already has every group before this ordinal. */
  readonly #from: number;

  constructor(window: Window, at: number, from: number) {
    this.#window = window;
    this.at = at;
    this.#from = from;
  }

  /** The next batch. Null: there is none up to `limitOrdinal` yet. 'behind': the window has dropped the batch. */
  take(limitOrdinal = Number.POSITIVE_INFINITY): RecordBatch | null | 'behind' {
    for (;;) {
      const batch = this.#window.read(this.at);
      if (batch === null || batch === 'behind') return batch;
      if (batch.lastOrdinal > limitOrdinal) return null;
      this.at++;
      if (batch.lastOrdinal >= this.#from) return batch;
    }
  }

  close(): void {
    this.#window.release(this);
  }
}

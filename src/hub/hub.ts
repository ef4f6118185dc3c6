import type { Position } from '../model/position.js';
import type { RecordBatch } from '../model/records.js';
import { monotonicMs } from '../std/clock.js';
import { Signal } from '../std/emitter.js';
import { type CatchUp, Feed, type FeedSession } from './feed.js';
import { Window } from './window.js';

/**
 * One read of the binary log for all replicas: takes the source's batches, keeps the newest in a bounded window and
 * feeds every attached replica at its own pace. It does not count acknowledgements (quorum.ts) and knows no sockets.
 */
export interface HubOptions {
  windowBytesMax: number;
}

export interface HubModules {
  committed(): number;
  gtidText(binary: Uint8Array): string;
  catchUp(after: Position, batch: (batch: RecordBatch) => boolean): CatchUp;
}

/** Records that follow each other this quickly flow: the next are about to come. */
const FLOWING_MS = 3;
/** How long the commit position waits for records to ride on. */
const RIDE_WAIT_MS = 2;

export class Hub {
  readonly #options: HubOptions;
  readonly #modules: HubModules;
  readonly #feeds = new Set<Feed>();
  #window: Window;
  #waitsForRoom = false;
  #tellTimer: NodeJS.Timeout | null = null;
  #tellScheduled = false;
  #appendedAtMs = 0;
  /** The newest records came shortly after those before them. */
  #flows = false;
  /** The window has room again: a source that was told to pause may go on. */
  readonly onRoom = new Signal<void>();

  constructor(options: HubOptions, modules: HubModules) {
    this.#options = options;
    this.#modules = modules;
    this.#window = new Window({ bytesMax: options.windowBytesMax, after: 0 });
  }

  get windowBytes(): number {
    return this.#window.bytes;
  }

  /** A source begins to read after this ordinal: the old window is of no use, every replica finds its place anew. */
  begin(afterOrdinal: number): void {
    this.#waitsForRoom = false;
    this.#window = new Window({ bytesMax: this.#options.windowBytesMax, after: afterOrdinal });
    for (const feed of this.#feeds) feed.rewind();
  }

  /** Takes a batch; false = the window is full and not even the fastest replica has read on: pause until onRoom. */
  append(batch: RecordBatch): boolean {
    const now = monotonicMs();
    this.#flows = now - this.#appendedAtMs < FLOWING_MS;
    this.#appendedAtMs = now;
    this.#window.append(batch);
    for (const feed of this.#feeds) feed.pump();
    this.#window.evict();
    this.#waitsForRoom = this.#window.full;
    return !this.#waitsForRoom;
  }

  attach(session: FeedSession, after: Position, failed: (error: unknown) => void): Feed {
    const feed = new Feed(
      { after },
      {
        session,
        failed,
        window: () => this.#window,
        committed: this.#modules.committed,
        catchUp: this.#modules.catchUp,
        gtidText: this.#modules.gtidText,
        advanced: () => this.#advanced(),
      },
    );
    this.#feeds.add(feed);
    feed.pump();
    return feed;
  }

  detach(feed: Feed): void {
    this.#feeds.delete(feed);
    feed.close();
    this.#advanced();
  }

  /**
   * The commit position moved. While records flow it rides on the next of them, for a moment at most; when they do not,
   * it is told by a frame of its own at once.
   */
  committedMoved(): void {
    if (this.#tellScheduled) return;
    if (this.#flows && monotonicMs() - this.#appendedAtMs < FLOWING_MS) {
      this.#tellTimer ??= setTimeout(() => this.#tellCommitted(), RIDE_WAIT_MS);
      return;
    }
    this.#tellScheduled = true;
    setImmediate(() => {
      this.#tellScheduled = false;
      this.#tellCommitted();
    });
  }

  #tellCommitted(): void {
    this.#tellTimer = null;
    for (const feed of this.#feeds) feed.tellCommitted();
  }

  #advanced(): void {
    if (!this.#waitsForRoom) return;
    this.#window.evict();
    if (this.#window.full) return;
    this.#waitsForRoom = false;
    this.onRoom.emit();
  }
}

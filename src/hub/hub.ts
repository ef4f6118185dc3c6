import type { Position } from '../model/position.js';
import type { RecordBatch } from '../model/records.js';
import { Emitter } from '../std/emitter.js';
import { Gather } from '../std/gather.js';
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
  /** Replicas that must have a group before it is released (and, unless `async`, answered). */
  needed(): number;
  gtidText(binary: Uint8Array): string;
  catchUp(after: Position, batch: (batch: RecordBatch) => boolean): CatchUp;
}

/** While commits flow, how long the commit position waits for records to ride on. */
const RIDE_WAIT_MS = 5;
/** While records flow, how long those gather for whom no commit waits, and how many of them. */
const LAZY_WAIT_MS = 10;
const LAZY_BYTES_MAX = 64 * 1024;
const CHALLENGES_MIN = 4;

export class Hub {
  readonly #options: HubOptions;
  readonly #modules: HubModules;
  readonly #feeds = new Set<Feed>();
  #window: Window;
  #waitsForRoom = false;
  readonly #commits = new Gather(RIDE_WAIT_MS, () => this.#tellCommitted());
  readonly #lazy = new Gather(LAZY_WAIT_MS, (many) => this.#pumpLazy(many));
  #lazyBytes = 0;
  #lazyCommitted = 0;
  #appended = 0;
  /** The replicas that commits waited for last, the latest first. */
  #leaders: Feed[] = [];
  #challenges = 0;
  /** The window has room again: a source that was told to pause may go on. */
  readonly onRoom = new Emitter<void>();

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
    this.#window.append(batch);
    for (const feed of this.#feeds) if (feed.urgent) feed.pump();
    this.#appended = batch.lastOrdinal;
    this.#lazyBytes += batch.bytes.length;
    if (this.#lazyBytes > LAZY_BYTES_MAX) this.#lazy.now();
    else this.#lazy.ask();
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
    this.#choose();
    feed.pump();
    return feed;
  }

  detach(feed: Feed): void {
    this.#feeds.delete(feed);
    feed.close();
    this.#leaders = this.#leaders.filter((leader) => leader !== feed);
    this.#choose();
    this.#advanced();
  }

  /** The commit position moved because of this replica's acknowledgement: it is quick, so it stays one that gets all at once. */
  leads(feed: Feed): void {
    if (this.#leaders.includes(feed)) {
      this.#challenges = 0;
      return;
    }
    // One that gets several at once overtakes now and then; only one that is quicker again and again takes the place.
    const needed = this.#modules.needed();
    if (this.#leaders.length >= needed && ++this.#challenges < CHALLENGES_MIN) return;
    this.#challenges = 0;
    this.#leaders = [feed, ...this.#leaders].slice(0, Math.max(1, needed));
    this.#choose();
  }

  /**
   * The commit position moved. While commits flow it rides on the next records, for a moment at most; when they do not,
   * it is told by a frame of its own at once.
   */
  committedMoved(): void {
    this.#commits.ask();
  }

  /** Once there are as many leaders as a commit waits for, the other replicas get their records a moment later. */
  #choose(): void {
    const isEnough = this.#leaders.length >= this.#modules.needed();
    for (const feed of this.#feeds) {
      const was = feed.urgent;
      feed.urgent = !isEnough || this.#leaders.includes(feed);
      if (feed.urgent && !was) feed.pump();
    }
  }

  #tellCommitted(): void {
    // Who has records to come hears it with them.
    for (const feed of this.#feeds) if (feed.urgent || !this.#lazy.waiting) feed.tellCommitted();
  }

  /**
   * While commits flow, the others get what is committed: no commit waits for their disks then, and they need not hurry.
   * When nothing was committed since the last time, they get all, because a commit may wait for them.
   */
  #pumpLazy(many: boolean): void {
    this.#lazyBytes = 0;
    const committed = this.#modules.committed();
    const limit = many && committed > this.#lazyCommitted ? committed : Number.POSITIVE_INFINITY;
    this.#lazyCommitted = committed;
    for (const feed of this.#feeds) {
      if (feed.urgent) continue;
      feed.pump(limit);
      // It may have had these records already (after a drain, from a dump of its own): then nothing has told it.
      feed.tellCommitted();
    }
    if (limit < this.#appended) this.#lazy.ask();
  }

  #advanced(): void {
    if (!this.#waitsForRoom) return;
    this.#window.evict();
    if (this.#window.full) return;
    this.#waitsForRoom = false;
    this.onRoom.emit();
  }
}

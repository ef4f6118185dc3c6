import type { Position } from '../model/position.js';
import type { RecordBatch } from '../model/records.js';
import { Batcher } from '../std/batcher.js';
import type { Clock } from '../std/clock.js';
import { Emitter } from '../std/emitter.js';
import { type CatchUp, Feed, type FeedModules, type FeedSession } from './feed.js';
import { Window } from './window.js';

/**
 * One read of the binary log for all replicas: the hub takes the source's batches, keeps the newest in a bounded window
 * and feeds every attached replica at that replica's pace. It counts no acknowledgements (see quorum.ts) and knows no
 * sockets.
 */
export interface HubOptions {
  windowBytesMax: number;
}

export interface HubModules {
  committed(): number;
  /** Number of replicas that must have a group durable before it is released (and, unless `async`, answered). */
  needed(): number;
  gtidText(binary: Uint8Array): string;
  catchUp(after: Position, batch: (batch: RecordBatch) => boolean): CatchUp;
  clock?: Clock;
}

/** While commits flow, the commit position waits this long for records that can carry it. */
const PIGGYBACK_WAIT_MS = 5;
/** While records flow, records for replicas that no commit waits for are batched this long, up to this many bytes. */
const DEFERRED_WAIT_MS = 10;
const DEFERRED_BYTES_MAX = 64 * 1024;
/** A replica becomes commit-critical after its acknowledgement came first this many times in a row. */
const OVERTAKES_MIN = 4;

export class Hub {
  readonly #options: HubOptions;
  readonly #modules: HubModules;
  readonly #feeds = new Set<Feed>();
  #window: Window;
  #atCapacity = false;
  readonly #commits: Batcher;
  readonly #deferred: Batcher;
  #deferredBytes = 0;
  #deferredCommitted = 0;
  #appended = 0;
  /** The commit-critical replicas: those whose acknowledgements were the last that a commit needed, the latest first. */
  #critical: Feed[] = [];
  #overtakes = 0;
  /** The window has space again, so a paused source may continue. */
  readonly onCapacity = new Emitter<void>();

  constructor(options: HubOptions, modules: HubModules) {
    this.#options = options;
    this.#modules = modules;
    this.#window = new Window({ bytesMax: options.windowBytesMax, after: 0 });
    const { clock } = modules;
    this.#commits = new Batcher(PIGGYBACK_WAIT_MS, () => this.#sendCommitted(), clock);
    this.#deferred = new Batcher(DEFERRED_WAIT_MS, (many) => this.#pumpDeferred(many), clock);
  }

  get windowBytes(): number {
    return this.#window.bytes;
  }

  /** A source begins to read after this ordinal. The old window is dropped, and every feed finds its place again. */
  begin(afterOrdinal: number): void {
    this.#atCapacity = false;
    this.#window = new Window({ bytesMax: this.#options.windowBytesMax, after: afterOrdinal });
    for (const feed of this.#feeds) feed.rewind();
  }

  /**
   * Takes a batch. False: the window is full, even for the fastest replica, and commits need one. The source must pause
   * until onCapacity.
   */
  append(batch: RecordBatch): boolean {
    this.#window.append(batch);
    for (const feed of this.#feeds) if (feed.commitCritical) feed.pump();
    this.#appended = batch.lastOrdinal;
    this.#deferredBytes += batch.bytes.length;
    if (this.#deferredBytes > DEFERRED_BYTES_MAX) this.#deferred.now();
    else this.#deferred.ask();
    this.#evict();
    this.#atCapacity = this.#window.full;
    return !this.#atCapacity;
  }

  attach(session: FeedSession, after: Position, failed: FeedModules['failed']): Feed {
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
    this.#chooseCritical();
    feed.pump();
    return feed;
  }

  detach(feed: Feed): void {
    this.#feeds.delete(feed);
    feed.close();
    this.#critical = this.#critical.filter((other) => other !== feed);
    this.#chooseCritical();
    this.#advanced();
  }

  /** Commits may need more or fewer replicas than before: the list of members is another one. */
  neededChanged(): void {
    this.#chooseCritical();
    this.#advanced();
  }

  /**
   * With this replica's acknowledgement, a group was on as many replicas as its commit needs. The replica is fast, so the hub
   * keeps sending it every record at once.
   */
  madeMajority(feed: Feed): void {
    if (this.#critical.includes(feed)) {
      this.#overtakes = 0;
      return;
    }
    // A replica that gets batches comes first by chance now and then. So it must come first several times in a row.
    const needed = this.#modules.needed();
    if (this.#critical.length >= needed && ++this.#overtakes < OVERTAKES_MIN) return;
    this.#overtakes = 0;
    this.#critical = [feed, ...this.#critical].slice(0, Math.max(1, needed));
    this.#chooseCritical();
  }

  /**
   * The commit position moved. While commits flow, the hub sends it with the next records, within PIGGYBACK_WAIT_MS.
   * Otherwise it sends the position at once in a separate frame.
   */
  committedMoved(): void {
    this.#commits.ask();
  }

  /**
   * Once a commit has as many commit-critical replicas as it needs, the other replicas get their records in batches.
   */
  #chooseCritical(): void {
    const isEnough = this.#critical.length >= this.#modules.needed();
    for (const feed of this.#feeds) {
      const was = feed.commitCritical;
      feed.commitCritical = !isEnough || this.#critical.includes(feed);
      if (feed.commitCritical && !was) feed.pump();
    }
  }

  #sendCommitted(): void {
    // Feeds with pending records get the commit position with those records.
    for (const feed of this.#feeds) if (feed.commitCritical || !this.#deferred.waiting) feed.sendCommitted();
  }

  /**
   * While commits flow, the other replicas get committed records only. No commit waits for their disks, so they can
   * write in batches. When nothing was committed since the last call, they get all records, because a commit may need
   * their acknowledgements.
   */
  #pumpDeferred(many: boolean): void {
    this.#deferredBytes = 0;
    const committed = this.#modules.committed();
    const limit = many && committed > this.#deferredCommitted ? committed : Number.POSITIVE_INFINITY;
    this.#deferredCommitted = committed;
    for (const feed of this.#feeds) {
      if (feed.commitCritical) continue;
      feed.pump(limit);
      // The pump may have sent nothing (records went out after a drain, or from the feed's dump). Then the position is
      // still unsent.
      feed.sendCommitted();
    }
    if (limit < this.#appended) this.#deferred.ask();
  }

  /**
   * A primary whose commits need no replica must not wait for one: there may be none, and then nobody would ever make
   * room. A replica that comes later, or is too slow, catches up from the log.
   */
  #evict(): void {
    this.#window.evict({ unread: this.#modules.needed() === 0 });
  }

  #advanced(): void {
    if (!this.#atCapacity) return;
    this.#evict();
    if (this.#window.full) return;
    this.#atCapacity = false;
    this.onCapacity.emit();
  }
}

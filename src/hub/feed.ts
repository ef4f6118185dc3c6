import type { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { RecordBatch } from '../model/records.js';
import type { Emitter } from '../std/emitter.js';
import { encodeRecord, RECORD_KIND, WHOLE } from '../wire/record.js';
import type { Cursor, Window } from './window.js';

/** What the feed needs of the connection to its replica. */
export interface FeedSession {
  readonly blocked: boolean;
  readonly onDrain: Emitter<void>;
  /** Returns false when the feed must send nothing more until onDrain. */
  sendRecords(bytes: Buffer, committedOrdinal: number): boolean;
  sendCommitted(ordinal: number): void;
}

/** A dump of the binary log that starts after a position, for a replica that is behind the window. */
export interface CatchUp {
  readonly onEnded: Emitter<SkeinError>;
  start(): Promise<void>;
  resume(): void;
  stop(): void;
}

export interface FeedModules {
  session: FeedSession;
  window(): Window;
  committed(): number;
  catchUp(after: Position, batch: (batch: RecordBatch) => boolean): CatchUp;
  gtidText(binary: Uint8Array): string;
  /** The catch-up dump failed that began after this position: the replica cannot be served. */
  failed(error: unknown, after: Position): void;
  /** This feed has read on in the window, so the window may have space for the source again. */
  advanced(): void;
}

/**
 * Sends records to one replica: from the window while the replica keeps up, from a separate dump while it is behind. A
 * feed sends nothing while the socket is full, and buffers nothing.
 */
export class Feed {
  readonly #modules: FeedModules;
  readonly #offDrain: () => void;
  #cursor: Cursor | null = null;
  #catchUp: CatchUp | null = null;
  /** Last complete group that was sent. */
  #sent: Position;
  #committedSent = 0;
  /** The last FORMAT event that was sent to the replica. */
  #format: Buffer | null = null;
  #closed = false;
  /** Commits may wait for this replica, so it gets records at once. Other replicas get them in batches. */
  commitCritical = true;

  constructor(options: { after: Position }, modules: FeedModules) {
    this.#modules = modules;
    this.#sent = options.after;
    this.#offDrain = modules.session.onDrain.on(() => {
      this.#catchUp?.resume();
      this.pump();
    });
  }

  get catchingUp(): boolean {
    return this.#catchUp !== null;
  }

  /** The source was restarted: the feed finds its place in the new window. */
  rewind(): void {
    this.#cursor?.close();
    this.#cursor = null;
    this.pump();
  }

  /** Sends records up to `limitOrdinal`, until the socket is full. */
  pump(limitOrdinal?: number): void {
    if (this.#closed || this.#catchUp) return;
    const { session } = this.#modules;
    while (!session.blocked) {
      this.#cursor ??= this.#modules.window().cursor(this.#sent.ordinal + 1);
      const batch = this.#cursor?.take(limitOrdinal) ?? (this.#cursor ? null : 'behind');
      if (batch === null) break;
      if (batch === 'behind') {
        this.#startCatchUp();
        return;
      }
      this.#send(batch);
    }
    this.#modules.advanced();
  }

  /** Sends the commit position, unless a batch has carried it already. */
  sendCommitted(): void {
    const committed = this.#modules.committed();
    if (this.#closed || committed <= this.#committedSent) return;
    this.#committedSent = committed;
    this.#modules.session.sendCommitted(committed);
  }

  close(): void {
    this.#closed = true;
    this.#offDrain();
    this.#cursor?.close();
    this.#catchUp?.stop();
  }

  #send(batch: RecordBatch): boolean {
    this.#committedSent = this.#modules.committed();
    if (batch.format !== this.#format) this.#sendFormat(batch.format);
    const goOn = this.#modules.session.sendRecords(batch.bytes, this.#committedSent);
    if (batch.completeOrdinal > this.#sent.ordinal) {
      this.#sent = {
        epoch: this.#sent.epoch,
        ordinal: batch.completeOrdinal,
        gtid: this.#modules.gtidText(batch.completeGtid),
      };
    }
    return goOn;
  }

  /** The replica writes the FORMAT event between the records already sent and the next ones. */
  #sendFormat(format: Buffer): void {
    this.#format = format;
    const { epoch, ordinal } = this.#sent;
    const fields = {
      kind: RECORD_KIND.format,
      flags: WHOLE,
      epoch,
      ordinal,
      atMs: 0,
      gtid: NONE,
      previousGtid: NONE,
    };
    this.#modules.session.sendRecords(encodeRecord(fields, format), this.#committedSent);
  }

  #startCatchUp(): void {
    this.#cursor?.close();
    this.#cursor = null;
    const after = this.#sent;
    const catchUp = this.#modules.catchUp(after, (batch) => {
      const goOn = this.#send(batch);
      if (!this.#modules.window().covers(this.#sent.ordinal + 1)) return goOn;
      // The dump has reached the window, so the window serves this replica from now on.
      catchUp.stop();
      this.#catchUp = null;
      this.pump();
      return false;
    });
    this.#catchUp = catchUp;
    const failed = (error: unknown) => this.#modules.failed(error, after);
    catchUp.onEnded.on(failed);
    catchUp.start().catch(failed);
  }
}

const NONE = Buffer.alloc(0);

import type { CatchUp } from '../../hub/feed.js';
import { isSkeinError, messageOf, SkeinError } from '../../model/error.js';
import type { RecordBatch } from '../../model/records.js';
import { LOG_PURGED } from '../../model/seed.js';
import type { SpoolReader } from '../../spool/reader.js';
import { Emitter } from '../../std/emitter.js';
import {
  FIRST_FRAGMENT,
  LAST_FRAGMENT,
  RECORD_KIND,
  type RecordHeader,
  readRecordHeader,
} from '../../wire/record.js';

/** What the catch-up needs of the spool. */
export interface ReadableSpool {
  readonly end: { readonly ordinal: number };
  readonly onAppended: { on(listener: () => void): () => void };
  reader(fromOrdinal: number): SpoolReader;
}

const READ_BYTES = 512 * 1024;

/** Feeds a replica that is behind the window from this node's own spool, without the server. */
export class SpoolCatchUp implements CatchUp {
  readonly onEnded = new Emitter<SkeinError>();
  readonly #spool: ReadableSpool;
  readonly #from: number;
  readonly #take: (batch: RecordBatch) => boolean;
  #reader: SpoolReader | null = null;
  #format: Buffer | null = null;
  #stopped = false;
  #wait: { readonly forWhat: 'space' | 'groups'; readonly over: () => void } | null = null;

  /** `take` returns false to pause until `resume`. */
  constructor(spool: ReadableSpool, afterOrdinal: number, take: (batch: RecordBatch) => boolean) {
    this.#spool = spool;
    this.#from = afterOrdinal + 1;
    this.#take = take;
  }

  /** @throws SkeinError SPOOL_PURGED */
  async start(): Promise<void> {
    this.#reader = this.#spool.reader(this.#from);
    void this.#run(this.#reader).catch((error: unknown) => {
      if (this.#stopped) return;
      this.stop();
      this.onEnded.emit(isSkeinError(error) ? error : new SkeinError('CATCH_UP_FAILED', messageOf(error)));
    });
  }

  resume(): void {
    this.#wake('space');
  }

  stop(): void {
    this.#stopped = true;
    this.#reader?.close();
    this.#wake('space');
    this.#wake('groups');
  }

  async #run(reader: SpoolReader): Promise<void> {
    const off = this.#spool.onAppended.on(() => this.#wake('groups'));
    try {
      while (!this.#stopped) {
        const bytes = await reader.next(this.#spool.end.ordinal, READ_BYTES);
        if (this.#stopped) return;
        if (bytes === null) await this.#waitFor('groups');
        else await this.#deliver(bytes);
      }
    } finally {
      off();
    }
  }

  /** Until the replica has space, or the spool has more groups. */
  #waitFor(forWhat: 'space' | 'groups'): Promise<void> {
    return new Promise((over) => {
      this.#wait = { forWhat, over };
    });
  }

  #wake(forWhat: 'space' | 'groups'): void {
    if (this.#wait?.forWhat !== forWhat) return;
    this.#wait.over();
    this.#wait = null;
  }

  /** A FORMAT record ends a batch, because a batch has one format. */
  async #deliver(bytes: Buffer): Promise<void> {
    let from = 0;
    for (let at = 0; at < bytes.length && !this.#stopped; ) {
      const header = readRecordHeader(bytes, at);
      const next = at + header.size;
      if (header.kind === RECORD_KIND.format) {
        await this.#hand(bytes.subarray(from, at));
        this.#format = bytes.subarray(at + header.payloadOffset, next);
        from = next;
      }
      at = next;
    }
    await this.#hand(bytes.subarray(from));
  }

  async #hand(bytes: Buffer): Promise<void> {
    if (bytes.length === 0 || this.#stopped) return;
    if (this.#format === null)
      throw new SkeinError('SPOOL_DAMAGED', `The spool has no format for the groups from ${this.#from} on.`);
    if (!this.#take(batchOf(bytes, this.#format)) && !this.#stopped) await this.#waitFor('space');
  }
}

/** On a witness: it has no server whose log would reach back further than its spool. */
export class NoCatchUp implements CatchUp {
  readonly onEnded = new Emitter<SkeinError>();
  readonly #node: string;
  readonly #begin: number;

  constructor(node: string, begin: number) {
    this.#node = node;
    this.#begin = begin;
  }

  async start(): Promise<void> {
    throw new SkeinError(LOG_PURGED, `The log of ${this.#node}, a witness, begins at number ${this.#begin}.`);
  }

  resume(): void {}
  stop(): void {}
}

/** `bytes`: whole records of groups. */
function batchOf(bytes: Buffer, format: Buffer): RecordBatch {
  const first = readRecordHeader(bytes, 0);
  let last: RecordHeader = first;
  let complete: RecordHeader | null = null;
  for (let at = 0; at < bytes.length; at += last.size) {
    last = readRecordHeader(bytes, at);
    if ((last.flags & LAST_FRAGMENT) !== 0) complete = last;
  }
  return {
    bytes,
    firstOrdinal: first.ordinal,
    lastOrdinal: last.ordinal,
    completeOrdinal: complete?.ordinal ?? first.ordinal - 1,
    completeGtid: complete?.gtid ?? Buffer.alloc(0),
    startsGroup: (first.flags & FIRST_FRAGMENT) !== 0,
    format,
  };
}

import type { Socket } from 'node:net';
import type { SourceSide } from '../flavour/source-side.js';
import { SkeinError } from '../model/error.js';
import { rotateEvent } from '../mysql-protocol/events.js';
import {
  FIRST_FRAGMENT,
  LAST_FRAGMENT,
  RECORD_KIND,
  type RecordHeader,
  walkRecords,
} from '../wire/record.js';
import { EventFramer } from './event-framer.js';

/** The reader of the spool that the stream needs. It returns whole records, in order, none beyond the limit. */
export interface RecordReader {
  next(limitOrdinal: number, bytesMax: number): Promise<Buffer | null>;
  close(): void;
}

export interface DumpStreamOptions {
  /** Shown as the source's server id in the events that we make up. */
  serverId: number;
  /** What the reader has, as it said; '' = nothing. */
  after: string;
  /** The binary GTID of the last transaction that the reader has; empty = none. */
  previousGtid: Buffer;
  heartbeatMs: number;
}

export interface DumpStreamModules {
  source: Pick<SourceSide, 'beginEvent' | 'heartbeatEvent'>;
  reader: RecordReader;
  format: Buffer;
  /** Ordinal up to which groups may be released: committed, and on this node. */
  releasable(): number;
  /** Resolves when `releasable` may have grown, or after `ms`. */
  changed(ms: number): Promise<void>;
  /** The group in the form to send, and the promise that holds it and everything after it; null = send it at once. */
  admit(header: RecordHeader, payload: Buffer, signal: AbortSignal): Admitted;
}

export interface Admitted {
  readonly payload: Buffer;
  readonly held: Promise<void> | null;
}

/** Bytes read from the spool at once; a few such pieces are in memory for each reader. */
const READ_BYTES_MAX = 512 * 1024;
/** For readers that count bytes: announce a new file long before the count passes 32 bits. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024;

/** Sends the head of a stream, then groups as they are released, then heartbeats while there are none. */
export class DumpStream {
  readonly #options: DumpStreamOptions;
  readonly #modules: DumpStreamModules;
  readonly #socket: Socket;
  readonly #framer = new EventFramer(1);
  #fileNumber = 0;
  readonly #closing = new AbortController();
  #lastSentMs = performance.now();
  /** Ordinal of the last group that was begun; null = none yet. */
  #ordinal: number | null = null;
  #betweenGroups = true;

  constructor(options: DumpStreamOptions, modules: DumpStreamModules, socket: Socket) {
    this.#options = options;
    this.#modules = modules;
    this.#socket = socket;
    socket.on('close', () => this.stop());
  }

  stop(): void {
    this.#closing.abort();
    this.#modules.reader.close();
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Runs until the reader leaves. @throws SkeinError SERVER_DIVERGED, and what the spool's reader throws */
  async run(): Promise<void> {
    this.#head(this.#modules.format);
    await this.#write();
    while (!this.#closed) {
      const bytes = await this.#modules.reader.next(this.#modules.releasable(), READ_BYTES_MAX);
      if (this.#closed) return;
      if (bytes) {
        await this.#push(bytes);
        if (this.#framer.eventBytes > FILE_BYTES_MAX && this.#betweenGroups) this.#head(this.#modules.format);
      } else {
        const idle = performance.now() - this.#lastSentMs;
        if (idle < this.#options.heartbeatMs) {
          await this.#modules.changed(this.#options.heartbeatMs - idle);
          continue;
        }
        this.#heartbeat();
      }
      await this.#write();
    }
  }

  #file(): string {
    return `skein.${String(this.#fileNumber).padStart(6, '0')}`;
  }

  #head(format: Buffer): void {
    this.#fileNumber++;
    this.#framer.push(rotateEvent(this.#options.serverId, this.#file()));
    this.#framer.eventBytes = 0;
    this.#framer.push(format);
    if (this.#fileNumber > 1) return;
    const { serverId, after } = this.#options;
    this.#framer.push(this.#modules.source.beginEvent(serverId, after));
  }

  #heartbeat(): void {
    // In the middle of a group a reader does not accept a heartbeat.
    if (!this.#betweenGroups) return;
    const before = this.#framer.eventBytes;
    this.#framer.push(
      this.#modules.source.heartbeatEvent(this.#options.serverId, {
        file: this.#file(),
        position: before,
      }),
    );
    this.#framer.eventBytes = before;
  }

  async #push(bytes: Buffer): Promise<void> {
    for (const { offset, header } of walkRecords(bytes)) {
      const payload = bytes.subarray(offset + header.payloadOffset, offset + header.size);
      if (header.kind === RECORD_KIND.format) {
        this.#modules.format = payload;
        this.#head(payload);
        continue;
      }
      if (header.kind !== RECORD_KIND.group) continue;
      if ((header.flags & FIRST_FRAGMENT) !== 0) this.#checkPlace(header);
      const { payload: admitted, held } = this.#admit(header, payload);
      if (held) await this.#heldUntil(held);
      if (this.#closed) return;
      this.#framer.push(admitted);
      this.#betweenGroups = (header.flags & LAST_FRAGMENT) !== 0;
    }
  }

  #admit(header: RecordHeader, payload: Buffer): Admitted {
    if ((header.flags & FIRST_FRAGMENT) === 0) return { payload, held: null };
    return this.#modules.admit(header, payload, this.#closing.signal);
  }

  /** Flushes the preceding groups (the hold waits until they are applied), and keeps sending heartbeats. */
  async #heldUntil(held: Promise<void>): Promise<void> {
    const timer = setInterval(() => {
      this.#heartbeat();
      void this.#write();
    }, this.#options.heartbeatMs);
    await Promise.all([held, this.#write()]).finally(() => clearInterval(timer));
  }

  /** The server's last transaction must be the cluster's transaction of that number. */
  #checkPlace({ ordinal, previousGtid }: RecordHeader): void {
    const before = this.#ordinal;
    this.#ordinal = ordinal;
    if (before === null) {
      if (previousGtid.equals(this.#options.previousGtid)) return;
      throw new SkeinError(
        'SERVER_DIVERGED',
        "The server's last transaction differs from the cluster's transaction of that number: the server's data has diverged. The server has to be filled from another node.",
      );
    }
    if (ordinal === before + 1) return;
    throw new SkeinError('SPOOL_GAP', `The spool gave transaction ${ordinal} after ${before}.`);
  }

  async #write(): Promise<void> {
    this.#lastSentMs = performance.now();
    const parts = this.#framer.take();
    if (parts.length === 0 || this.#closed) return;
    if (this.#send(parts) || this.#closed) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
    });
  }

  #send(parts: readonly Buffer[]): boolean {
    const socket = this.#socket;
    const [first] = parts;
    if (first === undefined) return true;
    if (parts.length > 1) socket.cork();
    let goOn = true;
    for (const part of parts) goOn = socket.write(part);
    if (parts.length > 1) socket.uncork();
    // The kernel has copied everything.
    if (socket.writableLength === 0) this.#framer.reuse();
    return goOn;
  }
}

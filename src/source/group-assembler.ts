import { SkeinError } from '../model/error.js';
import type { RecordBatch } from '../model/records.js';
import {
  decodeRotate,
  EVENT,
  formatForStream,
  formatHasChecksum,
  HEADER_AT,
  queryDatabase,
  queryText,
} from '../mysql-protocol/events.js';
import type { EventPlace, Flavour } from '../mysql-protocol/flavour.js';
import type { ServerErr } from '../mysql-protocol/packets.js';
import {
  FIRST_FRAGMENT,
  LAST_FRAGMENT,
  RECORD_HEADER_SIZE,
  RECORD_KIND,
  sealRecord,
} from '../wire/record.js';
import type { EventSink } from './event-stream.js';

/**
 * Puts the events of a dump together into records, each written once into an arena that is then passed on as it is.
 * It checks that every group is the next one of the chain (rule C10); it never looks into rows.
 */
export interface AssemblerOptions {
  /** Ordinal and GTID (binary) of the group after which the dump begins. */
  ordinal: number;
  gtid: Buffer;
}

export interface AssemblerModules {
  flavour: Flavour;
  /** The epoch that the group with this ordinal belongs to. */
  epochOf(ordinal: number): number;
  /** Unix ms. */
  wallClockMs(): number;
  batch(batch: RecordBatch): void;
  /** A commit waits for the acknowledgement of everything up to this place of the server's log. */
  ackWanted(ordinal: number, file: string, position: number): void;
  ended(error: ServerErr): void;
  /** A statement was read, by itself or in a group (CREATE TABLE ... SELECT, SAVEPOINT); '' = its text cannot be told. */
  statement?(text: string, database: string, ordinal: number): void;
  /** A group was read to its end, which is at this place of the server's log. */
  groupRead?(ordinal: number, file: string, position: number): void;
}

/** Payload of one fragment; far below the record's limit, so that a large group flows in small pieces. */
const FRAGMENT_BYTES = 256 * 1024;
const ARENA_BYTES = 512 * 1024;
const U32 = 0x1_0000_0000;

export class GroupAssembler implements EventSink {
  readonly #modules: AssemblerModules;
  readonly #grammar;
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
  /** Everything before is filled. */
  #used = 0;
  /** Where the batch that is being gathered begins. */
  #batchAt = 0;
  /** Where the open record begins; equal to #used when none is open. */
  #recordAt = 0;
  #recordOpen = false;
  #recordFlags = 0;
  #payloadSize = 0;

  #ordinal: number;
  #gtid: Buffer;
  #previousGtid: Buffer;
  #epoch: number;
  #atMs: number;
  /** Of the batch being gathered. */
  #firstOrdinal = 0;
  #lastOrdinal = 0;
  #startsGroup = true;
  #complete: number;
  #completeGtid: Buffer;

  #format: Buffer | null = null;
  #hasChecksum = true;
  #file = '';
  #position = 0;
  #largePlace: EventPlace = 'skip';

  constructor(options: AssemblerOptions, modules: AssemblerModules) {
    this.#modules = modules;
    this.#grammar = modules.flavour.grammar();
    this.#ordinal = options.ordinal;
    this.#complete = options.ordinal;
    this.#completeGtid = options.gtid;
    this.#gtid = options.gtid;
    this.#previousGtid = options.gtid;
    this.#atMs = modules.wallClockMs();
    this.#epoch = modules.epochOf(Math.max(1, options.ordinal));
  }

  event(event: Buffer, wantsAck: boolean): void {
    const place = this.#grammar.place(event);
    this.#track(event);
    if (place === 'begin') this.#begin(event);
    if (place === 'begin' || place === 'inside' || place === 'end') this.#append(event);
    else if (place === 'format') this.#takeFormat(event);
    else if (place === 'rotate') this.#takeRotate(event);
    if (place === 'end') this.#end();
    if (place === 'end' || place === 'inside') this.#tellStatement(event);
    if (wantsAck) this.#modules.ackWanted(this.#ordinal, this.#file, this.#position);
  }

  largeEvent(head: Buffer, wantsAck: boolean): void {
    this.#largePlace = this.#grammar.place(head);
    this.#track(head);
    if (this.#largePlace !== 'inside' && this.#largePlace !== 'end') {
      throw new SkeinError(
        'UNEXPECTED_EVENT',
        `A very large event of type ${head[HEADER_AT.type]} outside of any group.`,
      );
    }
    if (wantsAck) this.#modules.ackWanted(this.#ordinal, this.#file, this.#position);
  }

  largeEventPart(bytes: Buffer): void {
    this.#append(bytes);
  }

  largeEventEnd(): void {
    if (this.#largePlace !== 'end') return;
    this.#end();
    this.#modules.statement?.('', '', this.#ordinal);
  }

  ended(error: ServerErr): void {
    this.#modules.ended(error);
  }

  /** Groups of rows hold no such event: each of theirs costs two comparisons here. */
  #tellStatement(event: Buffer): void {
    const type = event[HEADER_AT.type];
    if (type === EVENT.query)
      this.#modules.statement?.(
        queryText(event, this.#hasChecksum).toString(),
        queryDatabase(event),
        this.#ordinal,
      );
    else if (type === EVENT.queryCompressed) this.#modules.statement?.('', '', this.#ordinal);
  }

  /** Passes on what is sealed; called when a chunk of the socket is used up. */
  flush(): void {
    const end = this.#recordOpen ? this.#recordAt : this.#used;
    if (end === this.#batchAt || !this.#format) return;
    const batch: RecordBatch = {
      bytes: this.#arena.subarray(this.#batchAt, end),
      firstOrdinal: this.#firstOrdinal,
      lastOrdinal: this.#lastOrdinal,
      completeOrdinal: this.#complete,
      completeGtid: this.#completeGtid,
      startsGroup: this.#startsGroup,
      format: this.#format,
    };
    this.#batchAt = end;
    this.#modules.batch(batch);
  }

  /** Follows the server's own position; the header holds only its low 32 bits. */
  #track(event: Buffer): void {
    const low = event.readUInt32LE(HEADER_AT.endPosition);
    if (low === 0) return;
    const high = Math.floor(this.#position / U32);
    const position = high * U32 + low;
    this.#position = position < this.#position ? position + U32 : position;
  }

  #takeRotate(event: Buffer): void {
    const { file, position } = decodeRotate(event, this.#hasChecksum);
    this.#file = file;
    this.#position = position;
  }

  /** Passes the format on when it is another one: every new log file begins with one that differs only in its dates. */
  #takeFormat(event: Buffer): void {
    this.#hasChecksum = formatHasChecksum(event);
    if (!this.#hasChecksum) {
      throw new SkeinError(
        'NO_BINLOG_CHECKSUM',
        'The server writes its binary log without checksums. Set binlog_checksum=CRC32 and start it again.',
      );
    }
    const format = formatForStream(event);
    if (this.#format?.equals(format)) return;
    // What is gathered is still written in the old one.
    this.flush();
    this.#format = format;
  }

  #begin(event: Buffer): void {
    const next = this.#modules.flavour;
    const gtid = this.#grammar.gtidOf(event);
    const ordinal = this.#ordinal + 1;
    const epoch = this.#modules.epochOf(ordinal);
    // In a cluster that Skein manages the server's sequence is the ordinal, and the server id names the epoch.
    if (gtid.domain !== 0 || gtid.sequence !== ordinal || gtid.serverId !== next.epochServerId(epoch)) {
      throw new SkeinError(
        'FOREIGN_TRANSACTION',
        `The server's log holds transaction ${next.gtidText(gtid.binary)} where transaction number ${ordinal} of server id ${next.epochServerId(epoch)} must come ` +
          `(epoch ${epoch}). It was written past Skein (another domain, server id or a set sequence number) and cannot be replicated.`,
        { data: { found: next.gtidText(gtid.binary), expectedOrdinal: ordinal, epoch } },
      );
    }
    this.#previousGtid = this.#gtid;
    this.#gtid = gtid.binary;
    this.#ordinal = ordinal;
    this.#epoch = epoch;
    this.#atMs = this.#modules.wallClockMs();
    this.#open(FIRST_FRAGMENT);
  }

  #end(): void {
    this.#complete = this.#ordinal;
    this.#completeGtid = this.#gtid;
    this.#modules.groupRead?.(this.#ordinal, this.#file, this.#position);
    this.#seal(this.#recordFlags | LAST_FRAGMENT);
  }

  #open(flags: number): void {
    const head = RECORD_HEADER_SIZE + this.#gtid.length + this.#previousGtid.length;
    this.#reserve(head);
    this.#recordAt = this.#used;
    this.#recordOpen = true;
    this.#recordFlags = flags;
    this.#payloadSize = 0;
    this.#used += head;
  }

  #append(bytes: Buffer): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.#payloadSize === FRAGMENT_BYTES) {
        this.#seal(this.#recordFlags);
        this.#open(0);
      }
      const take = Math.min(bytes.length - from, FRAGMENT_BYTES - this.#payloadSize);
      this.#reserve(take);
      bytes.copy(this.#arena, this.#used, from, from + take);
      this.#used += take;
      this.#payloadSize += take;
      from += take;
    }
  }

  #seal(flags: number): void {
    sealRecord(
      this.#arena,
      this.#recordAt,
      {
        kind: RECORD_KIND.group,
        flags,
        epoch: this.#epoch,
        ordinal: this.#ordinal,
        atMs: this.#atMs,
        gtid: this.#gtid,
        previousGtid: this.#previousGtid,
      },
      this.#payloadSize,
    );
    if (this.#recordAt === this.#batchAt) {
      this.#firstOrdinal = this.#ordinal;
      this.#startsGroup = (flags & FIRST_FRAGMENT) !== 0;
    }
    this.#lastOrdinal = this.#ordinal;
    this.#recordOpen = false;
  }

  /** Makes room for `size` more bytes; a full arena is passed on, and what has to stay moves to a new one. */
  #reserve(size: number): void {
    if (this.#used + size <= this.#arena.length) return;
    this.flush();
    const kept = this.#used - this.#batchAt;
    const arena = Buffer.allocUnsafeSlow(Math.max(ARENA_BYTES, kept + size));
    this.#arena.copy(arena, 0, this.#batchAt, this.#used);
    this.#arena = arena;
    this.#used = kept;
    this.#recordAt -= this.#batchAt;
    this.#batchAt = 0;
  }
}

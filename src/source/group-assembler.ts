import type { EventPlace, LogFlavour } from '../flavour/flavour.js';
import { type Chain, epochOf } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { RecordBatch } from '../model/records.js';
import { decodeRotate, formatForStream, formatHasChecksum, HEADER_AT } from '../mysql-protocol/events.js';
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
 * Builds records from the events of a dump. Each byte is copied once, into an arena whose parts are passed on without
 * another copy. The assembler checks that every group is the next one of the chain (rule C10). It never reads rows.
 */
export interface AssemblerOptions {
  /** Ordinal and GTID (binary) of the group after which the dump begins. */
  ordinal: number;
  gtid: Buffer;
}

export interface AssemblerModules {
  flavour: LogFlavour;
  /** From which the epoch and the GTID of the next group follow. */
  chain(): Chain;
  /** Unix ms. */
  wallClockMs(): number;
  batch(batch: RecordBatch): void;
  /** A commit waits for the acknowledgement of everything up to this place of the server's log. */
  ackWanted(ordinal: number, file: string, position: number): void;
  ended(error: ServerErr): void;
  /** A statement was read, alone or in a group (CREATE TABLE ... SELECT, SAVEPOINT); '' = its text is not known. */
  statement?(text: string, database: string, ordinal: number): void;
  /** A complete group was read. It ends at this place of the server's log. */
  groupRead?(ordinal: number, file: string, position: number): void;
}

/** Payload of one fragment. It is far below the record's limit, so that a large group is sent in small pieces. */
const FRAGMENT_BYTES = 256 * 1024;
const ARENA_BYTES = 512 * 1024;
const U32 = 0x1_0000_0000;

export class GroupAssembler implements EventSink {
  readonly #modules: AssemblerModules;
  readonly #grammar;
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
  /** Number of bytes in use. */
  #used = 0;
  /** Offset of the current batch. */
  #batchAt = 0;
  /** Offset of the open record. */
  #recordAt = 0;
  #recordOpen = false;
  #recordFlags = 0;
  #payloadSize = 0;

  #ordinal: number;
  #gtid: Buffer;
  #previousGtid: Buffer;
  #epoch: number;
  #atMs: number;
  /** Ordinals of the current batch. */
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
    this.#epoch = epochOf(modules.chain(), Math.max(1, options.ordinal));
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

  #tellStatement(event: Buffer): void {
    if (!this.#modules.statement) return;
    const found = this.#modules.flavour.statementOf(event, this.#hasChecksum);
    if (found) this.#modules.statement(found.sql, found.database, this.#ordinal);
  }

  /** Passes on the sealed records. Called at the end of each chunk from the socket. */
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

  /** Follows the server's log position. The event header has only its low 32 bits. */
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

  /**
   * Takes a format only when it differs: each log file begins with one, and most differ from the last only in their
   * dates.
   */
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
    // The records of the current batch are in the old format.
    this.flush();
    this.#format = format;
  }

  #begin(event: Buffer): void {
    const { flavour } = this.#modules;
    const gtid = this.#grammar.gtidOf(event);
    const ordinal = this.#ordinal + 1;
    const chain = this.#modules.chain();
    const epoch = epochOf(chain, ordinal);
    if (!flavour.isAt(gtid, chain, ordinal)) {
      const found = flavour.gtidText(gtid);
      throw new SkeinError(
        'FOREIGN_TRANSACTION',
        `The server's log has transaction ${found}, but number ${ordinal}, ${flavour.gtidAt(chain, ordinal)}, must come next ` +
          `(epoch ${epoch}). The transaction was written past Skein, in a session that chose its GTID or a part of it, and cannot be replicated.`,
        { data: { found, expectedOrdinal: ordinal, epoch } },
      );
    }
    this.#previousGtid = this.#gtid;
    this.#gtid = gtid;
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

  /**
   * Ensures space for `size` more bytes. When the arena is full, the sealed records are passed on and the rest moves to a
   * new one.
   */
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

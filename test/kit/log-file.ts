import { crc32 } from 'node:zlib';
import { MARIADB_EVENT } from '../../src/flavour/mariadb/event-types.js';
import { encodeMariadbGtid, parseMariadbGtid } from '../../src/flavour/mariadb/gtid.js';
import { EVENT, EVENT_HEADER_SIZE, HEADER_AT } from '../../src/mysql-protocol/events.js';

const SERVER_ID = 1_000_001;
const STANDALONE = 1;

/** Builds the bytes of a file of MariaDB's binary log, as the server writes it, event by event. */
export class LogFile {
  #bytes = Buffer.from('\xfebin', 'latin1');
  /** The FORMAT_DESCRIPTION event at its head. */
  readonly format: Buffer;
  /** The events after the head, in order. */
  readonly events: Buffer[] = [];
  /** Offset at which each of these events ends. */
  readonly ends: number[] = [];

  /** `after`: the GTIDs of the list at its head. */
  constructor(after: readonly string[] = []) {
    this.format = this.#add(EVENT.formatDescription, format());
    const count = Buffer.alloc(4);
    count.writeUInt32LE(after.length);
    this.#add(
      MARIADB_EVENT.gtidList,
      Buffer.concat([count, ...after.map((gtid) => encodeMariadbGtid(parseMariadbGtid(gtid)))]),
    );
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  event(type: number, body: Buffer | string = '', serverId = SERVER_ID): this {
    this.events.push(this.#add(type, Buffer.from(body as string), serverId));
    this.ends.push(this.size);
    return this;
  }

  gtid(sequence: number, { flags = 0, domain = 0, serverId = SERVER_ID } = {}): this {
    const body = Buffer.alloc(19);
    body.writeUInt32LE(sequence, 0);
    body.writeUInt32LE(domain, 8);
    body.writeUInt8(flags, 12);
    return this.event(MARIADB_EVENT.gtid, body, serverId);
  }

  /** A transaction that changes rows, with so many bytes of them. */
  transaction(sequence: number, bytes = 10): this {
    this.gtid(sequence).event(MARIADB_EVENT.annotateRows, `INSERT ${sequence}`);
    return this.event(MARIADB_EVENT.writeRowsV1, Buffer.alloc(bytes, sequence)).event(
      EVENT.xid,
      Buffer.alloc(8, sequence),
    );
  }

  ddl(sequence: number, sql: string): this {
    const head = Buffer.alloc(14);
    return this.gtid(sequence, { flags: STANDALONE }).event(
      EVENT.query,
      Buffer.concat([head, Buffer.from(sql)]),
    );
  }

  rotate(file: string): this {
    const position = Buffer.alloc(8);
    position.writeUInt32LE(4);
    return this.event(EVENT.rotate, Buffer.concat([position, Buffer.from(file)]));
  }

  #add(type: number, body: Buffer, serverId = SERVER_ID): Buffer {
    const event = Buffer.alloc(EVENT_HEADER_SIZE + body.length + 4);
    event[HEADER_AT.type] = type;
    event.writeUInt32LE(serverId, HEADER_AT.serverId);
    event.writeUInt32LE(event.length, HEADER_AT.size);
    event.writeUInt32LE(this.size + event.length, HEADER_AT.endPosition);
    body.copy(event, EVENT_HEADER_SIZE);
    event.writeUInt32LE(crc32(event.subarray(0, -4)), event.length - 4);
    this.#bytes = Buffer.concat([this.#bytes, event]);
    return event;
  }
}

/** Version 4 with CRC32. */
function format(): Buffer {
  const body = Buffer.alloc(2 + 50 + 4 + 1 + 171 + 1);
  body.writeUInt16LE(4, 0);
  body.write('10.11.19-MariaDB', 2);
  body[body.length - 1] = 1;
  return body;
}

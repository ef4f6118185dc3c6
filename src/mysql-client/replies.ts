/** Decodes what the server sends: OK and ERR packets, and column definitions. No sockets. */
import { PacketReader } from '../mysql-protocol/packet-reader.js';
import { decodeErr, PACKET_PAYLOAD_MAX } from '../mysql-protocol/packets.js';

/** Bits of the server status in OK packets. */
export const STATUS = {
  inTransaction: 0x0001,
  autocommit: 0x0002,
  moreResults: 0x0008,
  /** The backslash is an ordinary character in texts (sql_mode of the session). */
  noBackslashEscapes: 0x0200,
  inReadOnlyTransaction: 0x2000,
  outParameters: 0x1000,
  sessionStateChanged: 0x4000,
} as const;

export interface OkReply {
  readonly affectedRows: bigint;
  readonly insertId: bigint;
  readonly status: number;
  readonly warnings: number;
}

/** Kind of a session change in an OK packet: a system variable. */
const CHANGED_VARIABLE = 0;

export function decodeOk(payload: Buffer): OkReply {
  const reader = new PacketReader(payload, 1);
  return {
    affectedRows: reader.lenencBig(),
    insertId: reader.lenencBig(),
    status: reader.u16(),
    warnings: reader.u16(),
  };
}

/** The system variables whose change the OK packet tells, with their new values. The server tells it of those that it tracks. */
export function changedVariables(payload: Buffer): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  const reader = new PacketReader(payload, 1);
  reader.lenencBig();
  reader.lenencBig();
  const status = reader.u16();
  reader.skip(2);
  if ((status & STATUS.sessionStateChanged) === 0 || reader.remaining === 0) return changed;
  reader.skip(reader.lenenc());
  if (reader.remaining === 0) return changed;
  const changes = new PacketReader(reader.slice(reader.lenenc()));
  while (changes.remaining > 0) {
    const kind = changes.u8();
    const data = new PacketReader(changes.slice(changes.lenenc()));
    while (kind === CHANGED_VARIABLE && data.remaining > 0) changed.set(data.lenencText(), data.lenencText());
  }
  return changed;
}

/** An error that the server itself reported. `message` is the server's own text. */
export class ServerError extends Error {
  readonly errno: number;
  readonly sqlState: string;

  constructor(errno: number, sqlState: string, message: string) {
    super(message);
    this.name = 'ServerError';
    this.errno = errno;
    this.sqlState = sqlState;
  }
}

export function decodeError(payload: Buffer): ServerError {
  const { errno, sqlState, message } = decodeErr(payload);
  return new ServerError(errno, sqlState, message);
}

/** Whether this is the OK packet behind the last row. (A row with the same first byte is 16 MiB long or longer.) */
export function endsRows(payload: Buffer): boolean {
  return payload[0] === 0xfe && payload.length < PACKET_PAYLOAD_MAX;
}

export interface ColumnDefinition {
  readonly name: string;
  readonly charset: number;
  /** Protocol type number, see ../sql/column-types.ts. */
  readonly type: number;
  readonly flags: number;
  readonly decimals: number;
  /** MariaDB's extended metadata: `json` for its JSON alias. */
  readonly format: string | null;
  /** MariaDB's extended metadata: `uuid`, `inet4`, `inet6`, `point` ... */
  readonly typeName: string | null;
}

export function decodeColumn(payload: Buffer, extendedMetadata: boolean): ColumnDefinition {
  const reader = new PacketReader(payload);
  // catalog, schema, table, original table
  for (let i = 0; i < 4; i++) reader.skip(reader.lenenc());
  const name = reader.lenencText();
  reader.skip(reader.lenenc());
  let format: string | null = null;
  let typeName: string | null = null;
  if (extendedMetadata) {
    const length = reader.lenenc();
    const end = reader.offset + length;
    while (reader.offset < end) {
      const kind = reader.u8();
      const value = reader.lenencText();
      if (kind === 0) typeName = value;
      else if (kind === 1) format = value;
    }
  }
  reader.skip(1);
  const charset = reader.u16();
  reader.skip(4);
  const type = reader.u8();
  const flags = reader.u16();
  const decimals = reader.u8();
  return { name, charset, type, flags, decimals, format, typeName };
}

/** The server's answers to commands: one class for each kind, which takes the packets of one answer. No sockets. */
import { SkeinError } from '../model/error.js';
import { PacketReader } from '../mysql-protocol/packet-reader.js';
import { isErr } from '../mysql-protocol/packets.js';
import type { ColumnCache } from './column-cache.js';
import { type ColumnDefinition, decodeError, decodeOk, endsRows, STATUS } from './replies.js';
import { refusedChange } from './session-state.js';

export interface Answer {
  /** Takes one packet; true = the answer is complete. A ServerError of it ends only its command. */
  take(payload: Buffer): boolean;
}

/** What an answer changes in the session to which its command was sent. */
export interface SessionStatus {
  /** The server status in the last answer (see STATUS). */
  status: number;
}

export interface Prepared {
  readonly id: number;
  readonly parameterCount: number;
  readonly columns: readonly ColumnDefinition[];
}

/** Takes the results of one execution while they arrive. */
export interface ResultSink {
  /** A result set begins. */
  columns(columns: readonly ColumnDefinition[]): void;
  /** One row of the binary protocol. The payload is valid only during the call. */
  row(payload: Buffer): void;
  /** The result set, or a statement without rows, is complete. */
  end(result: {
    readonly affectedRows: bigint;
    readonly insertId: bigint;
    readonly warnings: number;
    readonly status: number;
    readonly hasRows: boolean;
  }): void;
}

/** The answer is one OK packet, or an error. */
export class OkAnswer implements Answer {
  status = 0;
  readonly #session: SessionStatus;

  constructor(session: SessionStatus) {
    this.#session = session;
  }

  take(payload: Buffer): boolean {
    if (isErr(payload)) throw decodeError(payload);
    this.status = decodeOk(payload).status;
    this.#session.status = this.status;
    return true;
  }
}

type Stage = 'header' | 'columns' | 'rows';

/** First byte of a packet by which the server asks for a local file. The client has never offered one. */
const LOCAL_FILE = 0xfb;

/** The answer to COM_QUERY. If there are several results (CALL, several statements), the last one with rows is kept. */
export class TextAnswer implements Answer {
  names: string[] = [];
  rows: (string | null)[][] = [];
  readonly #session: SessionStatus;
  readonly #columns: ColumnCache;
  readonly #encoding: BufferEncoding;
  #stage: Stage = 'header';
  #columnCount = 0;

  constructor(session: SessionStatus, columns: ColumnCache, encoding: BufferEncoding) {
    this.#session = session;
    this.#columns = columns;
    this.#encoding = encoding;
  }

  take(payload: Buffer): boolean {
    if (isErr(payload)) throw decodeError(payload);
    switch (this.#stage) {
      case 'header':
        if (payload[0] === 0x00) return this.#end(payload);
        if (payload[0] === LOCAL_FILE) throw unreadable('it asks for a local file');
        this.#columnCount = new PacketReader(payload).lenenc();
        this.names = [];
        this.rows = [];
        this.#stage = 'columns';
        return false;
      case 'columns':
        this.names.push(this.#columns.decode(payload).name);
        if (this.names.length === this.#columnCount) this.#stage = 'rows';
        return false;
      case 'rows':
        if (endsRows(payload)) return this.#end(payload);
        this.rows.push(textRow(payload, this.#encoding));
        return false;
    }
  }

  #end(payload: Buffer): boolean {
    const { status } = decodeOk(payload);
    this.#session.status = status;
    this.#stage = 'header';
    return (status & STATUS.moreResults) === 0;
  }
}

const NULL_VALUE = 0xfb;

function textRow(payload: Buffer, encoding: BufferEncoding): (string | null)[] {
  const reader = new PacketReader(payload);
  const row: (string | null)[] = [];
  while (reader.remaining > 0) {
    if (payload[reader.offset] === NULL_VALUE) {
      reader.skip(1);
      row.push(null);
    } else {
      row.push(reader.lenencText(encoding));
    }
  }
  return row;
}

/** The statement that is executed, as it was prepared. */
export interface Executed {
  readonly columns: readonly ColumnDefinition[];
  /** Its results count only while it is the very statement that was prepared. */
  readonly mustBeSame: boolean;
}

/**
 * The answer to COM_STMT_EXECUTE. When tables or views of a statement have changed, the server prepares it again by itself.
 * With `cacheMetadata` it tells so: it sends the columns. Otherwise it leaves them out (shown by kept-statements.test.ts).
 */
export class ExecuteAnswer implements Answer {
  /** The statement changed a variable that the node depends on: the text for the client. Null when it did not. */
  refused: string | null = null;
  /** It must be the same statement, and the server does not say that it is: the sink got nothing. */
  changed = false;
  readonly #session: SessionStatus;
  readonly #columns: ColumnCache;
  readonly #sink: ResultSink;
  readonly #executed: Executed;
  readonly #mayOmitColumns: boolean;
  #stage: Stage = 'header';
  #columnCount = 0;
  #found: ColumnDefinition[] = [];

  constructor(
    session: SessionStatus,
    columns: ColumnCache,
    how: { readonly sink: ResultSink; readonly executed: Executed; readonly mayOmitColumns: boolean },
  ) {
    this.#session = session;
    this.#columns = columns;
    this.#sink = how.sink;
    this.#executed = how.executed;
    this.#mayOmitColumns = how.mayOmitColumns;
  }

  /** @throws SkeinError UNREADABLE_ANSWER */
  take(payload: Buffer): boolean {
    switch (this.#stage) {
      case 'header':
        if (isErr(payload)) throw decodeError(payload);
        if (payload[0] === 0x00) return this.#end(payload, false);
        if (payload[0] === LOCAL_FILE) throw unreadable('it asks for a local file');
        this.#header(payload);
        return false;
      case 'columns':
        this.#found.push(this.#columns.decode(payload));
        if (this.#found.length === this.#columnCount) {
          if (!this.changed) this.#sink.columns(this.#found);
          this.#stage = 'rows';
        }
        return false;
      case 'rows':
        if (payload[0] === 0x00) {
          if (!this.changed) this.#sink.row(payload);
          return false;
        }
        if (isErr(payload)) throw decodeError(payload);
        if (!endsRows(payload)) throw unreadable('its rows are not in the binary protocol');
        return this.#end(payload, true);
    }
  }

  #header(payload: Buffer): void {
    const reader = new PacketReader(payload);
    this.#columnCount = reader.lenenc();
    if (this.#mayOmitColumns && reader.u8() === 0) {
      const { columns } = this.#executed;
      if (columns.length !== this.#columnCount) throw unreadable('its columns are missing');
      this.#sink.columns(columns);
      this.#stage = 'rows';
      return;
    }
    this.changed = this.#executed.mustBeSame;
    this.#found = [];
    this.#stage = 'columns';
  }

  #end(payload: Buffer, hasRows: boolean): boolean {
    const { status, warnings, affectedRows, insertId } = decodeOk(payload);
    this.#session.status = status;
    if (status & STATUS.sessionStateChanged) this.refused = refusedChange(payload) ?? this.refused;
    this.#stage = 'header';
    if (!hasRows && this.#executed.mustBeSame) this.changed = true;
    if (this.changed) return (status & STATUS.moreResults) === 0;
    this.#sink.end(
      hasRows
        ? { affectedRows: 0n, insertId: 0n, warnings, status, hasRows }
        : { affectedRows, insertId, warnings, status, hasRows },
    );
    return (status & STATUS.moreResults) === 0;
  }
}

/** Length of the first packet of the answer to COM_STMT_PREPARE. */
const PREPARED_BYTES = 12;

/** The answer to COM_STMT_PREPARE. */
export class PrepareAnswer implements Answer, Prepared {
  id = 0;
  parameterCount = 0;
  columns: ColumnDefinition[] = [];
  readonly #cache: ColumnCache;
  #columnCount = 0;
  /** Number of definitions that are still to come, first of the parameters, then of the columns; -1 before the first packet. */
  #left = -1;

  constructor(columns: ColumnCache) {
    this.#cache = columns;
  }

  /** @throws SkeinError UNREADABLE_ANSWER */
  take(payload: Buffer): boolean {
    if (this.#left === -1) {
      if (isErr(payload)) throw decodeError(payload);
      // MariaDB answers with an OK packet, and prepares nothing, when the statement is HELP.
      if (payload.length < PREPARED_BYTES) throw unreadable('it cannot be prepared');
      this.id = payload.readUInt32LE(1);
      this.#columnCount = payload.readUInt16LE(5);
      this.parameterCount = payload.readUInt16LE(7);
      this.#left = this.parameterCount + this.#columnCount;
    } else {
      if (this.#left <= this.#columnCount) this.columns.push(this.#cache.decode(payload));
      this.#left -= 1;
    }
    return this.#left === 0;
  }
}

function unreadable(why: string): SkeinError {
  return new SkeinError('UNREADABLE_ANSWER', `The server's answer to this statement cannot be read: ${why}.`);
}

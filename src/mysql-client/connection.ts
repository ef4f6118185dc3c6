/**
 * One session on the local server, for HTTP requests.
 *
 * Why not mysql2 here: a request needs the warning count, the status flags and the raw JSON text of a result,
 * and its commands (reset, begin, prepare) should leave in one write. Commands are therefore pipelined:
 * each call writes at once, answers come in the same order. What it does not do: TLS, text result sets for
 * clients (only for Skein's own small questions), LOCAL INFILE, several statements in one text.
 */
import net from 'node:net';
import { SkeinError } from '../model/error.js';
import { answerLoginReply } from '../mysql-protocol/login.js';
import { ColumnCache } from './column-cache.js';
import { decodeGreeting, encodeLogin, type Greeting } from './handshake.js';
import { frame, PacketReader, PacketSplitter, textCommand } from './packet.js';
import { type BoundParameter, encodeExecute } from './parameters.js';
import { type ColumnDefinition, decodeError, decodeOk, endsRows, STATUS } from './replies.js';
import { RESTORE_SESSION, refusedChange } from './session-state.js';

const CONNECT_TIMEOUT_MS = 5000;
/** MariaDB: stands for the statement that was prepared last in this session. */
const LAST_PREPARED = 0xffffffff;
/** Commands above this are not copied to leave together with others. */
const COPIED_BYTES_MAX = 16 * 1024;
const RESET = frame(Buffer.from([0x1f]));

export type Address = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface ConnectionOptions {
  readonly address: Address;
  readonly user: string;
  readonly password: string;
}

export interface Prepared {
  readonly id: number;
  readonly parameterCount: number;
  readonly columns: readonly ColumnDefinition[];
}

/** What takes the results of one execution, as they come in. */
export interface ResultSink {
  /** A result set begins. */
  columns(columns: readonly ColumnDefinition[]): void;
  /** One binary row: the payload is valid only during the call. */
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

/** A socket whose bytes are given to one reader at a time. */
interface Wire {
  readonly socket: net.Socket;
  /** The bytes are only there during the call. */
  onRead(reader: (bytes: Buffer) => void): void;
}

/** One for all connections: a read is looked at before the next one begins, whosever it is. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** A buffer of its own for each read, as sockets have them otherwise, costs several microseconds. */
function openWire(address: Address): Wire {
  let reader: (bytes: Buffer) => void = () => {};
  const onread = {
    buffer: READ_BUFFER,
    callback: (size: number) => {
      reader(READ_BUFFER.subarray(0, size));
      return true;
    },
  };
  const to =
    'socketPath' in address ? { path: address.socketPath } : { host: address.host, port: address.port };
  const socket = net.connect({ ...to, onread, noDelay: true });
  return {
    socket,
    onRead(next) {
      reader = next;
    },
  };
}

/** Takes one packet of an answer; true = it is complete. A ServerError of it ends only its command. */
type Take = (payload: Buffer) => boolean;

/** A command that waits for its answer. */
interface Pending {
  readonly take: Take;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Connection {
  /** The server's id of this session, for KILL. */
  readonly threadId: number;
  readonly version: string;
  /** Server status of the last answer (see STATUS). */
  status = 0;
  readonly #socket: net.Socket;
  readonly #extendedMetadata: boolean;
  readonly #columns: ColumnCache;
  readonly #splitter = new PacketSplitter();
  readonly #queue: Pending[] = [];
  #corked: Buffer[] | null = null;
  #broken: Error | null = null;

  private constructor({ socket, onRead }: Wire, { threadId, version, extendedMetadata }: Greeting) {
    this.#socket = socket;
    this.threadId = threadId;
    this.version = version;
    this.#extendedMetadata = extendedMetadata;
    this.#columns = new ColumnCache(extendedMetadata);
    const onPacket = (payload: Buffer) => this.#onPacket(payload);
    onRead((chunk) => {
      try {
        this.#splitter.push(chunk, onPacket);
      } catch (error) {
        this.#break(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('error', (error) => this.#break(error));
    socket.on('close', () => this.#break(new Error('the server closed the connection')));
  }

  /**
   * @throws SkeinError SERVER_CONNECTION (not reachable, cut off during the login)
   * @throws ServerError the server's own refusal (access denied, too many connections)
   */
  static connect(options: ConnectionOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const wire = openWire(options.address);
      const { socket } = wire;
      const splitter = new PacketSplitter();
      let greeting: Greeting | null = null;
      const fail = (error: Error) => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const lost = (cause?: unknown) =>
        fail(new SkeinError('SERVER_CONNECTION', 'The local server can not be reached.', { cause }));
      const timer = setTimeout(() => lost(new Error('login timed out')), CONNECT_TIMEOUT_MS);
      socket.on('error', lost);
      socket.on('close', () => lost());
      const onPacket = (payload: Buffer, sequence: number) => {
        if (greeting === null) {
          greeting = decodeGreeting(payload);
          socket.write(frame(encodeLogin(greeting, options.user, options.password), sequence + 1));
          return;
        }
        if (payload[0] === 0xff) throw decodeError(payload);
        const answer = answerLoginReply(payload, options.password);
        if (answer !== null) {
          socket.write(frame(answer, sequence + 1));
          return;
        }
        clearTimeout(timer);
        socket.removeAllListeners();
        resolve(new Connection(wire, greeting));
      };
      wire.onRead((chunk) => {
        try {
          splitter.push(chunk, onPacket);
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  /** Why this connection can no longer be used; null while it can. */
  get broken(): Error | null {
    return this.#broken;
  }

  /** Whether `executeLast` is understood: by MariaDB since 10.2; told by what it greets with since 10.5. */
  get canExecuteLast(): boolean {
    return this.#extendedMetadata;
  }

  get idle(): boolean {
    return this.#queue.length === 0;
  }

  /** Ends the connection at once; the statement that may be running is not killed by this. */
  destroy(reason = 'the session was closed'): void {
    this.#break(new Error(reason));
  }

  /** Lets several commands leave together: what is sent before `uncork` goes out in one write. */
  cork(): void {
    this.#corked ??= [];
  }

  uncork(): void {
    const parts = this.#corked;
    this.#corked = null;
    if (parts === null || parts.length === 0 || this.#broken) return;
    // One buffer costs a copy of a few bytes, a vector several microseconds.
    if (parts.every((part) => part.length <= COPIED_BYTES_MAX)) this.#socket.write(Buffer.concat(parts));
    else for (const part of parts) this.#socket.write(part);
  }

  /** Reads nothing more until `resume`, so that the server has to wait; what has come already is still handed on. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /**
   * COM_RESET_CONNECTION: rolls back, drops temporary tables, locks, variables and prepared statements. Gives the server
   * status of its own answer; `status` may be a later one by the time it is looked at.
   */
  async reset(): Promise<number> {
    let status = 0;
    await this.#send(RESET, (payload) => {
      const complete = this.#takeOk(payload);
      status = this.status;
      return complete;
    });
    return status;
  }

  /** COM_INIT_DB */
  useDatabase(name: string): Promise<void> {
    return this.#simple(textCommand(0x02, name));
  }

  /** One of Skein's own statements without rows, by the text protocol. Never a client's text. */
  run(sql: string): Promise<void> {
    return this.#simple(textCommand(0x03, sql));
  }

  /** One of Skein's own questions, by the text protocol: rows of texts. Never a client's text. */
  async query(sql: string): Promise<(string | null)[][]> {
    return (await this.queryNamed(sql)).rows;
  }

  /**
   * A question that has one row, in a session of a client: what the client set (sql_select_limit) does not hide the row.
   * @throws SkeinError SERVER_CONNECTION when there is none
   */
  async ask(sql: string): Promise<(string | null)[]> {
    const [row] = await this.query(`${sql} LIMIT 1`);
    if (row === undefined) throw lostError(new Error(`no answer to ${sql}`));
    return row;
  }

  /** Like `query`, with the names of the columns. */
  async queryNamed(sql: string): Promise<{ names: string[]; rows: (string | null)[][] }> {
    let columnCount = -1;
    let stage: 'header' | 'columns' | 'rows' = 'header';
    const definitions: ColumnDefinition[] = [];
    const rows: (string | null)[][] = [];
    await this.#send(textCommand(0x03, sql), (payload) => {
      if (payload[0] === 0xff) throw decodeError(payload);
      switch (stage) {
        case 'header':
          if (payload[0] === 0x00) {
            this.status = decodeOk(payload).status;
            return true;
          }
          columnCount = new PacketReader(payload).lenenc();
          stage = 'columns';
          return false;
        case 'columns':
          definitions.push(this.#columns.decode(payload));
          if (definitions.length === columnCount) stage = 'rows';
          return false;
        case 'rows':
          if (endsRows(payload)) {
            this.status = decodeOk(payload).status;
            return true;
          }
          rows.push(textRow(payload));
          return false;
      }
    });
    return { names: definitions.map(({ name }) => name), rows };
  }

  /** COM_STMT_PREPARE. @throws ServerError, SkeinError UNREADABLE_ANSWER (the connection is broken then) */
  async prepare(sql: string): Promise<Prepared> {
    let id = 0;
    let parameterCount = 0;
    let columnCount = 0;
    /** Definitions of parameters, and then of columns. */
    let left = -1;
    const columns: ColumnDefinition[] = [];
    await this.#send(textCommand(0x16, sql), (payload) => {
      if (left === -1) {
        if (payload[0] === 0xff) throw decodeError(payload);
        requirePrepared(payload);
        const reader = new PacketReader(payload, 1);
        id = reader.u32();
        columnCount = reader.u16();
        parameterCount = reader.u16();
        left = parameterCount + columnCount;
      } else {
        if (left <= columnCount) columns.push(this.#columns.decode(payload));
        left -= 1;
      }
      return left === 0;
    });
    return { id, parameterCount, columns };
  }

  /** The same for whoever knows already what it answers. @throws ServerError */
  prepareAgain(sql: string): Promise<void> {
    let left = -1;
    return this.#send(textCommand(0x16, sql), (payload) => {
      if (left === -1) {
        if (payload[0] === 0xff) throw decodeError(payload);
        requirePrepared(payload);
        left = payload.readUInt16LE(5) + payload.readUInt16LE(7);
      } else left -= 1;
      return left === 0;
    });
  }

  /**
   * COM_STMT_EXECUTE; results go to the sink.
   * @throws ServerError
   * @throws SkeinError UNREADABLE_ANSWER (the connection is broken then) | SESSION_VARIABLE (the statement was executed; the
   * variable is set back)
   */
  async execute(statementId: number, parameters: readonly BoundParameter[], sink: ResultSink): Promise<void> {
    let columnCount = 0;
    let columns: ColumnDefinition[] = [];
    let stage: 'header' | 'columns' | 'rows' = 'header';
    let refused: string | null = null;
    await this.#send(frame(encodeExecute(statementId, parameters)), (payload) => {
      switch (stage) {
        case 'header': {
          if (payload[0] === 0xff) throw decodeError(payload);
          if (payload[0] === 0x00) {
            const ok = decodeOk(payload);
            this.status = ok.status;
            if (ok.status & STATUS.sessionStateChanged) refused = refusedChange(payload) ?? refused;
            sink.end({ ...ok, hasRows: false });
            return (ok.status & STATUS.moreResults) === 0;
          }
          // It asks for a local file, which was never offered.
          if (payload[0] === 0xfb) throw unreadable('it asks for a local file');
          columnCount = new PacketReader(payload).lenenc();
          columns = [];
          stage = 'columns';
          return false;
        }
        case 'columns':
          columns.push(this.#columns.decode(payload));
          if (columns.length === columnCount) {
            sink.columns(columns);
            stage = 'rows';
          }
          return false;
        case 'rows': {
          if (payload[0] === 0x00) {
            sink.row(payload);
            return false;
          }
          if (payload[0] === 0xff) throw decodeError(payload);
          if (!endsRows(payload)) throw unreadable('its rows are not in the binary protocol');
          const end = decodeOk(payload);
          this.status = end.status;
          if (end.status & STATUS.sessionStateChanged) refused = refusedChange(payload) ?? refused;
          stage = 'header';
          sink.end({ ...end, affectedRows: 0n, insertId: 0n, hasRows: true });
          return (end.status & STATUS.moreResults) === 0;
        }
      }
    });
    if (refused === null) return;
    await this.run(RESTORE_SESSION);
    throw new SkeinError('SESSION_VARIABLE', refused);
  }

  /**
   * Executes what `prepare` has just been sent for, before its answer is there. When the preparation fails, so does
   * this, as long as nothing else was prepared since the session was reset.
   */
  executeLast(parameters: readonly BoundParameter[], sink: ResultSink): Promise<void> {
    return this.execute(LAST_PREPARED, parameters, sink);
  }

  /** COM_STMT_CLOSE: has no answer. */
  closeStatement(id: number): void {
    const payload = Buffer.alloc(5);
    payload[0] = 0x19;
    payload.writeUInt32LE(id, 1);
    if (!this.#broken) this.#write(frame(payload));
  }

  #simple(framed: Buffer): Promise<void> {
    return this.#send(framed, this.#takeOk);
  }

  readonly #takeOk: Take = (payload) => {
    if (payload[0] === 0xff) throw decodeError(payload);
    this.status = decodeOk(payload).status;
    return true;
  };

  #send(framed: Buffer, take: Take): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#broken) {
        reject(lostError(this.#broken));
        return;
      }
      this.#queue.push({ take, resolve, reject });
      this.#write(framed);
    });
  }

  #write(bytes: Buffer): void {
    if (this.#corked) this.#corked.push(bytes);
    else this.#socket.write(bytes);
  }

  #onPacket(payload: Buffer): void {
    const current = this.#queue[0];
    if (!current) {
      // An error without a question is the server's farewell (shutdown, killed).
      throw payload[0] === 0xff ? decodeError(payload) : new Error('an answer without a question');
    }
    try {
      if (!current.take(payload)) return;
      this.#queue.shift();
      current.resolve();
    } catch (error) {
      this.#queue.shift();
      current.reject(error instanceof Error ? error : new Error(String(error)));
      // A server's error ends its command in order; anything else leaves the stream in an unknown state.
      if (!(payload[0] === 0xff)) throw error;
    }
  }

  #break(error: Error): void {
    if (this.#broken) return;
    this.#broken = error;
    this.#socket.destroy();
    for (const pending of this.#queue.splice(0)) pending.reject(lostError(error));
  }
}

function textRow(payload: Buffer): (string | null)[] {
  const reader = new PacketReader(payload);
  const row: (string | null)[] = [];
  while (reader.remaining > 0) {
    if (reader.bytes[reader.offset] === 0xfb) {
      reader.skip(1);
      row.push(null);
    } else {
      row.push(reader.lenencText());
    }
  }
  return row;
}

/** Bytes of the answer to COM_STMT_PREPARE. */
const PREPARED_BYTES = 12;

/** MariaDB's HELP is answered with an OK packet when it is prepared, and nothing is. */
function requirePrepared(payload: Buffer): void {
  if (payload.length < PREPARED_BYTES) throw unreadable('it cannot be prepared');
}

function unreadable(why: string): SkeinError {
  return new SkeinError(
    'UNREADABLE_ANSWER',
    `HTTP cannot give the server's answer to this statement: ${why}. Use a MySQL client on the MySQL port for it.`,
  );
}

function lostError(cause: Error): SkeinError {
  if (cause instanceof SkeinError) return cause;
  return new SkeinError('SERVER_CONNECTION', 'The connection to the local server was lost.', { cause });
}

/**
 * One session on a MySQL or MariaDB server. Commands are pipelined: each call writes its command at once, and the answers
 * come in the same order. It exists beside the drivers because HTTP needs the warning count, the status flags and the raw
 * JSON text of a result, and sends several commands (prepare, execute, reset) in one write. It does not do TLS or LOCAL
 * INFILE.
 */
import type net from 'node:net';
import { SkeinError } from '../model/error.js';
import { PacketSplitter, packet, textCommand } from '../mysql-protocol/packets.js';
import {
  type Answer,
  ExecuteAnswer,
  type Executed,
  OkAnswer,
  PrepareAnswer,
  type Prepared,
  type ResultSink,
  type SessionStatus,
  TextAnswer,
} from './answers.js';
import { ColumnCache } from './column-cache.js';
import { type ConnectionOptions, type LoggedIn, logIn } from './login.js';
import { type BoundParameter, executeCommand } from './parameters.js';
import { decodeError } from './replies.js';
import { RESTORE_SESSION } from './session-state.js';

/** In place of a statement's id, this means the statement that the session prepared last (MariaDB). */
const LAST_PREPARED = 0xffffffff;
/** Larger commands are written as they are. Smaller ones are copied into one buffer. */
const COPIED_BYTES_MAX = 16 * 1024;

const COMMAND = { useDatabase: 0x02, query: 0x03, prepare: 0x16, closeStatement: 0x19, reset: 0x1f } as const;
const RESET = packet(0, Buffer.from([COMMAND.reset]));

/** A row of a text result: each value as the server writes it in text. */
export type TextRow = Readonly<Record<string, string | null>>;

/** A command that waits for its answer. */
interface Pending {
  readonly answer: Answer;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Connection implements SessionStatus {
  /** The server's id of this session, for KILL. */
  readonly threadId: number;
  readonly version: string;
  /** Server status of the last answer (see STATUS). */
  status = 0;
  readonly #socket: net.Socket;
  readonly #extendedMetadata: boolean;
  readonly #cacheMetadata: boolean;
  readonly #columns: ColumnCache;
  /** Without a limit, because a row may be as large as the server allows. */
  readonly #splitter = new PacketSplitter({ payloadMaxBytes: Number.POSITIVE_INFINITY });
  readonly #queue: Pending[] = [];
  #corked: Buffer[] | null = null;
  #broken: Error | null = null;
  #preparedLast: Prepared | null = null;

  private constructor({ wire, threadId, version, extendedMetadata, cacheMetadata }: LoggedIn) {
    this.#socket = wire.socket;
    this.threadId = threadId;
    this.version = version;
    this.#extendedMetadata = extendedMetadata;
    this.#cacheMetadata = cacheMetadata;
    this.#columns = new ColumnCache(extendedMetadata);
    wire.onRead((chunk) => this.#onRead(chunk));
    wire.socket.on('error', (error) => this.#break(error));
    wire.socket.on('close', () => this.#break(new Error('the server closed the connection')));
  }

  /**
   * @throws SkeinError SERVER_CONNECTION (not reachable, cut off during the login), SERVER_AUTH_PLUGIN, UNKNOWN_GREETING
   * @throws ServerError the server's own refusal (access denied, too many connections)
   */
  static connect(options: ConnectionOptions): Promise<Connection> {
    return logIn(options, (loggedIn) => new Connection(loggedIn));
  }

  /** Why this connection can no longer be used; null while it can. */
  get broken(): Error | null {
    return this.#broken;
  }

  /** Whether the server understands `executeLast`. MariaDB does since 10.2; its greeting shows that since 10.5. */
  get canExecuteLast(): boolean {
    return this.#extendedMetadata;
  }

  /** Whether the server tells when it has prepared a kept statement again, see `executeIfSame`. */
  get tellsChanges(): boolean {
    return this.#cacheMetadata;
  }

  get idle(): boolean {
    return this.#queue.length === 0;
  }

  /** Closes the connection at once. A statement that is running goes on in the server. */
  destroy(reason = 'the session was closed'): void {
    this.#break(new Error(reason));
  }

  /** Holds back what is sent until `uncork`, which writes all of it at once. */
  cork(): void {
    this.#corked ??= [];
  }

  uncork(): void {
    const parts = this.#corked;
    this.#corked = null;
    if (parts === null || parts.length === 0 || this.#broken) return;
    // To copy a few bytes is cheaper than to write several buffers.
    if (parts.every((part) => part.length <= COPIED_BYTES_MAX)) this.#socket.write(Buffer.concat(parts));
    else for (const part of parts) this.#socket.write(part);
  }

  /** Reads nothing more until `resume`, so the server has to wait. What was read already is still given to the sink. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /**
   * COM_RESET_CONNECTION: the server rolls back, and drops temporary tables, locks, variables and prepared statements.
   * Returns the status in the answer to this command. (`status` may be the one of a later answer already.)
   */
  async reset(): Promise<number> {
    const answer = new OkAnswer(this);
    await this.#send(RESET, answer);
    return answer.status;
  }

  /** COM_INIT_DB */
  useDatabase(name: string): Promise<void> {
    return this.#send(textCommand(COMMAND.useDatabase, name), new OkAnswer(this));
  }

  /** Runs a statement that returns no rows, by the text protocol. Only for Skein's own statements. */
  run(sql: string): Promise<void> {
    return this.#send(textCommand(COMMAND.query, sql), new OkAnswer(this));
  }

  /** Returns the rows of a statement, by the text protocol. Only for Skein's own statements. */
  async query(sql: string): Promise<(string | null)[][]> {
    return (await this.#text(sql, 'utf8')).rows;
  }

  /**
   * Returns the one row of a statement of Skein's own, in a session of a client. LIMIT 1 makes it independent of the
   * client's sql_select_limit.
   * @throws SkeinError SERVER_CONNECTION when there is no row
   */
  async ask(sql: string): Promise<(string | null)[]> {
    const [row] = await this.query(`${sql} LIMIT 1`);
    if (row === undefined) throw lostError(new Error(`no answer to ${sql}`));
    return row;
  }

  /**
   * Like `query`, with the names of the columns.
   * @param encoding  `latin1`: the statement and the values are bytes, with one character for each byte
   */
  async queryRows(sql: string, encoding: 'utf8' | 'latin1' = 'utf8'): Promise<TextRow[]> {
    const { names, rows } = await this.#text(sql, encoding);
    return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])));
  }

  async #text(sql: string, encoding: BufferEncoding): Promise<TextAnswer> {
    const answer = new TextAnswer(this, this.#columns, encoding);
    await this.#send(textCommand(COMMAND.query, sql, encoding), answer);
    return answer;
  }

  /** COM_STMT_PREPARE. @throws ServerError, SkeinError UNREADABLE_ANSWER (the connection is broken then) */
  async prepare(sql: string): Promise<Prepared> {
    const answer = new PrepareAnswer(this.#columns);
    this.#preparedLast = answer;
    await this.#send(textCommand(COMMAND.prepare, sql), answer);
    return answer;
  }

  /**
   * COM_STMT_EXECUTE. The results go to the sink.
   * @throws ServerError
   * @throws SkeinError UNREADABLE_ANSWER (the connection is broken then) | SESSION_VARIABLE (the server has executed the
   * statement, which changed a variable that the node depends on; the variable is set back)
   */
  execute(prepared: Prepared, parameters: readonly BoundParameter[], sink: ResultSink): Promise<void> {
    return this.#execute(prepared.id, prepared, parameters, sink);
  }

  async #execute(
    id: number,
    { columns }: Pick<Prepared, 'columns'>,
    parameters: readonly BoundParameter[],
    sink: ResultSink,
  ): Promise<void> {
    const { refused } = await this.#executed(id, { columns, mustBeSame: false }, parameters, sink);
    if (refused === null) return;
    await this.run(RESTORE_SESSION);
    throw new SkeinError('SESSION_VARIABLE', refused);
  }

  async #executed(
    id: number,
    executed: Executed,
    parameters: readonly BoundParameter[],
    sink: ResultSink,
  ): Promise<ExecuteAnswer> {
    const how = { sink, executed, mayOmitColumns: this.#cacheMetadata };
    const answer = new ExecuteAnswer(this, this.#columns, how);
    await this.#send(executeCommand(id, parameters), answer);
    return answer;
  }

  /**
   * Executes a statement that returns rows. The sink gets them only if the server says that it is the very statement that was
   * prepared: none of its tables was changed, replaced or made a view since. False: it does not say so. Only where the
   * server `tellsChanges`.
   * @throws ServerError, SkeinError UNREADABLE_ANSWER (the connection is broken then)
   */
  async executeIfSame(
    { id, columns }: Prepared,
    parameters: readonly BoundParameter[],
    sink: ResultSink,
  ): Promise<boolean> {
    const { changed } = await this.#executed(id, { columns, mustBeSame: true }, parameters, sink);
    return !changed;
  }

  /**
   * Executes the statement of the `prepare` that was sent just before, without waiting for its answer. If the preparation
   * fails, this fails too, as long as the session has prepared nothing else since its reset.
   */
  executeLast(parameters: readonly BoundParameter[], sink: ResultSink): Promise<void> {
    return this.#execute(LAST_PREPARED, this.#preparedLast ?? { columns: [] }, parameters, sink);
  }

  /** COM_STMT_CLOSE. The server does not answer it. */
  closeStatement(id: number): void {
    const payload = Buffer.alloc(5);
    payload[0] = COMMAND.closeStatement;
    payload.writeUInt32LE(id, 1);
    if (!this.#broken) this.#write(packet(0, payload));
  }

  #send(framed: Buffer, answer: Answer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#broken) {
        reject(lostError(this.#broken));
        return;
      }
      this.#queue.push({ answer, resolve, reject });
      this.#write(framed);
    });
  }

  #write(bytes: Buffer): void {
    if (this.#corked) this.#corked.push(bytes);
    else this.#socket.write(bytes);
  }

  #onRead(chunk: Buffer): void {
    const splitter = this.#splitter;
    try {
      splitter.push(chunk);
      for (let payload = splitter.next(); payload; payload = splitter.next()) this.#onPacket(payload);
    } catch (error) {
      this.#break(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onPacket(payload: Buffer): void {
    const current = this.#queue[0];
    if (!current) {
      // The server sends an error without a command before it closes the connection (shutdown, KILL).
      throw payload[0] === 0xff ? decodeError(payload) : new Error('an answer without a question');
    }
    try {
      if (!current.answer.take(payload)) return;
      this.#queue.shift();
      current.resolve();
    } catch (error) {
      this.#queue.shift();
      current.reject(error instanceof Error ? error : new Error(String(error)));
      // After an error packet the next answer follows in order. After any other error the place in the stream is unknown.
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

function lostError(cause: Error): SkeinError {
  if (cause instanceof SkeinError) return cause;
  return new SkeinError('SERVER_CONNECTION', `The connection to the server was lost: ${cause.message}.`, {
    cause,
  });
}

/**
 * One session on a MySQL or MariaDB server. Commands are pipelined: each call writes at once, answers come in the same
 * order. A request over HTTP needs the warning count, the status flags and the raw JSON text of a result, and its commands
 * (prepare, execute, reset) leave in one write. What it does not do: TLS, LOCAL INFILE.
 */
import type net from 'node:net';
import { SkeinError } from '../model/error.js';
import { PacketSplitter, packet, textCommand } from '../mysql-protocol/packets.js';
import {
  type Answer,
  ExecuteAnswer,
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

/** MariaDB: stands for the statement that was prepared last in this session. */
const LAST_PREPARED = 0xffffffff;
/** Commands above this are not copied to leave together with others. */
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
  readonly #columns: ColumnCache;
  /** What the server sends is as large as its rows. */
  readonly #splitter = new PacketSplitter({ payloadMaxBytes: Number.POSITIVE_INFINITY });
  readonly #queue: Pending[] = [];
  #corked: Buffer[] | null = null;
  #broken: Error | null = null;

  private constructor({ wire, threadId, version, extendedMetadata }: LoggedIn) {
    this.#socket = wire.socket;
    this.threadId = threadId;
    this.version = version;
    this.#extendedMetadata = extendedMetadata;
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
    const answer = new OkAnswer(this);
    await this.#send(RESET, answer);
    return answer.status;
  }

  /** COM_INIT_DB */
  useDatabase(name: string): Promise<void> {
    return this.#send(textCommand(COMMAND.useDatabase, name), new OkAnswer(this));
  }

  /** One of Skein's own statements without rows, by the text protocol. Never a client's text. */
  run(sql: string): Promise<void> {
    return this.#send(textCommand(COMMAND.query, sql), new OkAnswer(this));
  }

  /** One of Skein's own questions, by the text protocol. Never a client's text over HTTP. */
  async query(sql: string): Promise<(string | null)[][]> {
    return (await this.#text(sql, 'utf8')).rows;
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

  /**
   * Like `query`, with the names of the columns.
   * @param encoding  `latin1` for a statement and values that are bytes: one character for each byte
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
    await this.#send(textCommand(COMMAND.prepare, sql), answer);
    return answer;
  }

  /** The same when the caller already knows the columns. @throws ServerError */
  prepareAgain(sql: string): Promise<void> {
    return this.#send(textCommand(COMMAND.prepare, sql), new PrepareAnswer(null));
  }

  /**
   * COM_STMT_EXECUTE; results go to the sink.
   * @throws ServerError
   * @throws SkeinError UNREADABLE_ANSWER (the connection is broken then) | SESSION_VARIABLE (the statement was executed; the
   * variable is set back)
   */
  async execute(statementId: number, parameters: readonly BoundParameter[], sink: ResultSink): Promise<void> {
    const answer = new ExecuteAnswer(this, this.#columns, sink);
    await this.#send(executeCommand(statementId, parameters), answer);
    if (answer.refused === null) return;
    await this.run(RESTORE_SESSION);
    throw new SkeinError('SESSION_VARIABLE', answer.refused);
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
      // An error without a question is the server's farewell (shutdown, killed).
      throw payload[0] === 0xff ? decodeError(payload) : new Error('an answer without a question');
    }
    try {
      if (!current.answer.take(payload)) return;
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

function lostError(cause: Error): SkeinError {
  if (cause instanceof SkeinError) return cause;
  return new SkeinError('SERVER_CONNECTION', `The connection to the server was lost: ${cause.message}.`, {
    cause,
  });
}

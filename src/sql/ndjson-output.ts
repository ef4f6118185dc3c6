/**
 * Results as lines of JSON while they come in, in constant memory: as long as the client does not read, the session is
 * not read either, and the server waits. Lines: `columns`, `row` ..., and a last `end` or `error`.
 * The answer begins with the first rows; what fails before is an ordinary answer with its status.
 */
import type { ServerResponse } from 'node:http';
import { ApiError } from '../api/api-error.js';
import type { Connection } from '../mysql-client/connection.js';
import type { ColumnDefinition } from '../mysql-client/replies.js';
import { type ResultEnd, type ResultOutput, summaryText } from './result-output.js';
import { columnsText, type ResultFormat, RowText, rowFailure } from './row-text.js';

/** Lines are written together up to this: a write for each row would cost more than the row. */
const CHUNK_LENGTH = 64 * 1024;
/** The last line says of each result how many rows it had; a procedure may give any number of them. */
const RESULTS_MAX = 100_000;
/** A client that reads nothing for this long is cut: shorter than the server's net_write_timeout (60 s). */
const STALLED_MS = 45_000;

export const NDJSON_TYPE = 'application/x-ndjson; charset=utf-8';

/** Some readers of lines (Python's `splitlines`) end a line at these, which JSON allows in its strings and nowhere else. */
const SEPARATORS = /[\u0085\u2028\u2029]/g;

function escapeLineSeparators(text: string): string {
  return text.replace(SEPARATORS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export class NdjsonOutput implements ResultOutput {
  failure: ApiError | null = null;
  tooLarge: ApiError | null = null;
  onTooLarge: (() => void) | null = null;
  rowCount = 0;
  affectedRows = 0;
  status = 0;
  readonly #open: () => ServerResponse;
  readonly #rowText: RowText;
  readonly #summaries: string[] = [];
  #connection: Connection | null = null;
  #response: ServerResponse | null = null;
  #text = '';
  #flushDue = false;
  #stalled: NodeJS.Timeout | null = null;
  /** The answer is finished, or the client has gone. */
  #over = false;
  #statement: number | null = null;
  #startedAt = performance.now();
  #rows = 0;

  /** `open` sends the head of the answer. */
  constructor(format: ResultFormat, open: () => ServerResponse) {
    this.#rowText = new RowText(format);
    this.#open = open;
  }

  /** Whether the head has been sent; from then on everything is said in lines. */
  get opened(): boolean {
    return this.#response !== null;
  }

  get resultCount(): number {
    return this.#summaries.length;
  }

  readonly tellsEarly = true;

  restart(): boolean {
    if (this.opened) return false;
    this.#text = '';
    this.#summaries.length = 0;
    this.rowCount = 0;
    this.affectedRows = 0;
    this.failure = null;
    return true;
  }

  source(connection: Connection | null): void {
    this.#connection = connection;
  }

  begin(statement: number | null): void {
    this.#statement = statement;
    this.#startedAt = performance.now();
  }

  columns(columns: readonly ColumnDefinition[]): void {
    this.#rows = 0;
    try {
      this.#rowText.columns(columns);
    } catch (error) {
      this.failure ??= rowFailure(error);
    }
    if (this.failure || this.#over) return;
    this.#line(`{"type":"columns",${this.#statementText()}"columns":${columnsText(columns)}}\n`);
  }

  /**
   * @throws ApiError CLIENT_GONE: ends the session in the middle of its rows, as if the client had hung up on the server
   * itself. Never a KILL, which could let a commit go that waits for its quorum (rule C1).
   */
  row(payload: Buffer): void {
    if (this.#over)
      throw new ApiError(504, 'CLIENT_GONE', 'The client has stopped reading the rows of this statement.');
    if (this.failure) return;
    let text: string;
    try {
      text = this.#rowText.row(payload);
    } catch (error) {
      this.failure = rowFailure(error);
      return;
    }
    this.#rows++;
    this.#line(`{"type":"row","row":${text}}\n`);
  }

  end(result: ResultEnd): void {
    this.status = result.status;
    const rows = result.hasRows ? this.#rows : 0;
    this.rowCount += rows;
    this.affectedRows += Number(result.affectedRows);
    if (this.#summaries.length === RESULTS_MAX) {
      this.tooLarge = new ApiError(400, 'RESULT_TOO_LARGE', `A stream has ${RESULTS_MAX} results at most.`);
      this.onTooLarge?.();
      return;
    }
    this.#summaries.push(`{${this.#statementText()}${summaryText(result, rows, this.#startedAt)}}`);
  }

  /** `"results":[...]` for the last line. */
  resultsText(): string {
    return `"results":[${this.#summaries.join(',')}]`;
  }

  /** Nothing is told in lines: the answer is another one. Only while not `opened`. */
  discard(): void {
    this.#over = true;
    this.#text = '';
  }

  /** All lines that were not sent yet, for an answer that needs no stream. Only while not `opened`. */
  take(lastLine: string): string {
    this.#over = true;
    return `${this.#text}${escapeLineSeparators(lastLine)}\n`;
  }

  /** Ends the stream; rows that still come are dropped. */
  finish(lastLine: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#response?.end(`${this.#text}${escapeLineSeparators(lastLine)}\n`);
    this.#text = '';
    // A session that is held up could never end its statement.
    this.#connection?.resume();
    this.#watchStall();
  }

  #statementText(): string {
    return this.#statement === null ? '' : `"statement":${this.#statement},`;
  }

  #line(text: string): void {
    this.#text += escapeLineSeparators(text);
    if (this.#text.length >= CHUNK_LENGTH) {
      this.#flush();
    } else if (!this.#flushDue) {
      this.#flushDue = true;
      // What came in one piece leaves in one piece; nothing waits for rows that the server has not made yet.
      setImmediate(() => {
        this.#flushDue = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#over || this.#text === '') return;
    const response = this.#response ?? this.#begin();
    const text = this.#text;
    this.#text = '';
    if (response.write(text) || this.#stalled !== null) return;
    this.#connection?.pause();
    this.#watchStall();
    response.once('drain', () => {
      this.#endWatch();
      this.#connection?.resume();
    });
  }

  #begin(): ServerResponse {
    const response = this.#open();
    this.#response = response;
    response.once('close', () => {
      this.#endWatch();
      this.#over = true;
      this.#connection?.resume();
    });
    return response;
  }

  #watchStall(): void {
    this.#endWatch();
    if (this.#response?.closed !== false) return;
    this.#stalled = setTimeout(() => this.#response?.destroy(), STALLED_MS);
  }

  #endWatch(): void {
    if (this.#stalled !== null) clearTimeout(this.#stalled);
    this.#stalled = null;
  }
}

/** Builds the `results` of an answer as JSON text while rows come in. One builder serves one request. */

import type { ApiError } from '../api/api-error.js';
import type { ColumnDefinition } from '../mysql-client/replies.js';
import type { AnswerRoom } from './answer-room.js';
import { type ResultEnd, type ResultOutput, summaryText } from './result-output.js';
import { columnsText, type ResultFormat, RowText, rowFailure } from './row-text.js';

export class ResultBuilder implements ResultOutput {
  /** One JSON text for each complete result. */
  readonly results: string[] = [];
  failure: ApiError | null = null;
  tooLarge: ApiError | null = null;
  onTooLarge: (() => void) | null = null;
  rowCount = 0;
  status = 0;
  affectedRows = 0;
  readonly #rowText: RowText;
  #statement: number | null = null;
  #startedAt = performance.now();
  #columns: readonly ColumnDefinition[] = [];
  #rows: string[] = [];
  readonly #room: AnswerRoom;

  constructor(format: ResultFormat, room: AnswerRoom) {
    this.#rowText = new RowText(format);
    this.#room = room;
  }

  get resultCount(): number {
    return this.results.length;
  }

  readonly tellsEarly = false;

  restart(): boolean {
    this.results.length = 0;
    this.#rows = [];
    this.rowCount = 0;
    this.affectedRows = 0;
    this.failure = null;
    this.tooLarge = null;
    return true;
  }

  /** Everything is kept here, so nothing has to be held up. */
  source(): void {}

  begin(statement: number | null): void {
    this.#statement = statement;
    this.#startedAt = performance.now();
  }

  columns(columns: readonly ColumnDefinition[]): void {
    this.#columns = columns;
    try {
      this.#rowText.columns(columns);
    } catch (error) {
      this.failure ??= rowFailure(error);
    }
  }

  row(payload: Buffer): void {
    if (this.failure || this.tooLarge) return;
    let text: string;
    try {
      text = this.#rowText.row(payload);
    } catch (error) {
      this.failure = rowFailure(error);
      this.#rows = [];
      return;
    }
    this.tooLarge = this.#room.add(text.length + 1);
    if (this.tooLarge) {
      this.#rows = [];
      this.onTooLarge?.();
      return;
    }
    this.#rows.push(text);
  }

  end(result: ResultEnd): void {
    const columns = result.hasRows ? columnsText(this.#columns) : '[]';
    const rows = this.#rows;
    this.status = result.status;
    this.#rows = [];
    this.rowCount += rows.length;
    this.affectedRows += Number(result.affectedRows);
    const statement = this.#statement === null ? '' : `"statement":${this.#statement},`;
    this.results.push(
      `{${statement}"columns":${columns},"rows":[${rows.join(',')}],${summaryText(result, rows.length, this.#startedAt)}}`,
    );
  }
}

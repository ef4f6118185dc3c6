/** The rows of one page: their JSON texts, and the last one once more as values, for `next`. */

import type { ApiError } from '../../api/api-error.js';
import type { ColumnDefinition } from '../../mysql-client/replies.js';
import type { AnswerRoom } from '../answer-room.js';
import type { ResultEnd, ResultOutput } from '../result-output.js';
import { columnsText, RowText } from '../row-text.js';

export class PageOutput implements ResultOutput {
  readonly failure = null;
  tooLarge: ApiError | null = null;
  onTooLarge: (() => void) | null = null;
  resultCount = 0;
  readonly affectedRows = 0;
  status = 0;
  /** `[{"name","type","nullable"}, ...]` */
  columnsText = '[]';
  readonly rows: string[] = [];
  /** There is a row after those of this page. */
  more = false;
  readonly #limit: number;
  readonly #rowText: RowText;
  readonly #values = new RowText({ rows: 'array', bigint: 'string' });
  #last: Buffer | null = null;
  readonly #room: AnswerRoom;

  constructor(options: { limit: number; rows: 'array' | 'object' }, room: AnswerRoom) {
    this.#room = room;
    this.#limit = options.limit;
    this.#rowText = new RowText({ rows: options.rows, bigint: 'string' });
  }

  get rowCount(): number {
    return this.rows.length;
  }

  /** The last row of the page as values by the column's place. */
  lastValues(): unknown[] {
    return this.#last ? JSON.parse(this.#values.row(this.#last)) : [];
  }

  readonly tellsEarly = false;

  restart(): boolean {
    this.rows.length = 0;
    this.more = false;
    this.tooLarge = null;
    return true;
  }

  source(): void {}

  begin(): void {}

  columns(columns: readonly ColumnDefinition[]): void {
    this.columnsText = columnsText(columns);
    this.#rowText.columns(columns);
    this.#values.columns(columns);
  }

  row(payload: Buffer): void {
    if (this.tooLarge) return;
    if (this.rows.length === this.#limit) {
      this.more = true;
      return;
    }
    const text = this.#rowText.row(payload);
    this.tooLarge = this.#room.add(text.length + 1);
    if (this.tooLarge) {
      this.onTooLarge?.();
      return;
    }
    // The payload is only lent.
    if (this.rows.length === this.#limit - 1) this.#last = Buffer.from(payload);
    this.rows.push(text);
  }

  end(result: ResultEnd): void {
    this.status = result.status;
    this.resultCount++;
  }
}

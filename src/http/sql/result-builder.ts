/** Builds the `results` of an answer as JSON text while rows come in. One builder serves one request. */

import type { ResultSink } from '../mysql/connection.js';
import { PacketReader } from '../mysql/packet.js';
import type { ColumnDefinition } from '../mysql/replies.js';
import { columnType, isNullable, type ValueDecoder, valueDecoder } from './column-types.js';

/** Text of one answer's results; more belongs in a narrower query (streaming comes later). */
export const RESULT_TEXT_MAX = 64 * 1024 * 1024;

export interface ResultFormat {
  readonly rows: 'array' | 'object';
  readonly bigint: 'string' | 'number';
}

export class ResultBuilder implements ResultSink {
  /** One JSON text for each complete result. */
  readonly results: string[] = [];
  /** Why the rows could not be given (an unsafe bigint, too much); the statement itself went on. */
  failure: Error | null = null;
  tooLarge = false;
  /** Called once, when it becomes too large. */
  onTooLarge: (() => void) | null = null;
  rowCount = 0;
  /** Server status with the last complete result (see STATUS). */
  status = 0;
  affectedRows = 0;
  readonly #format: ResultFormat;
  #statement: number | null = null;
  #startedAt = performance.now();
  #columns: readonly ColumnDefinition[] = [];
  #decoders: ValueDecoder[] = [];
  #prefixes: string[] = [];
  #rows: string[] = [];
  #textLength = 0;

  constructor(format: ResultFormat) {
    this.#format = format;
  }

  /** Called before each statement; `statement` is written into its results when the request has several. */
  begin(statement: number | null): void {
    this.#statement = statement;
    this.#startedAt = performance.now();
  }

  columns(columns: readonly ColumnDefinition[]): void {
    this.#columns = columns;
    this.#decoders = columns.map((column) => valueDecoder(column, this.#format.bigint));
    const object = this.#format.rows === 'object';
    this.#prefixes = columns.map((column, i) => {
      const comma = i === 0 ? '' : ',';
      return object ? `${comma}${JSON.stringify(column.name)}:` : comma;
    });
  }

  row(payload: Buffer): void {
    if (this.failure || this.tooLarge) return;
    const count = this.#decoders.length;
    // Header byte, then the bitmap of NULLs, which begins with two unused bits.
    const reader = new PacketReader(payload, 1 + ((count + 9) >> 3));
    const object = this.#format.rows === 'object';
    let text = object ? '{' : '[';
    try {
      for (let i = 0; i < count; i++) {
        const bit = i + 2;
        const isNull = ((payload[1 + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
        text += this.#prefixes[i];
        text += isNull ? 'null' : this.#decoders[i]?.(reader);
      }
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
      this.#rows = [];
      return;
    }
    text += object ? '}' : ']';
    this.#textLength += text.length + 1;
    if (this.#textLength > RESULT_TEXT_MAX) {
      this.tooLarge = true;
      this.#rows = [];
      this.onTooLarge?.();
      return;
    }
    this.#rows.push(text);
  }

  end(result: {
    readonly affectedRows: bigint;
    readonly insertId: bigint;
    readonly warnings: number;
    readonly status: number;
    readonly hasRows: boolean;
  }): void {
    const columns = result.hasRows ? this.#columns.map(columnText).join(',') : '';
    const rows = this.#rows;
    this.status = result.status;
    this.#rows = [];
    this.rowCount += rows.length;
    this.affectedRows += Number(result.affectedRows);
    const insertId = result.insertId === 0n ? 'null' : `"${result.insertId}"`;
    const durationMs = Math.round((performance.now() - this.#startedAt) * 1000) / 1000;
    const statement = this.#statement === null ? '' : `"statement":${this.#statement},`;
    this.results.push(
      `{${statement}"columns":[${columns}],"rows":[${rows.join(',')}],"rowCount":${rows.length},` +
        `"affectedRows":${result.affectedRows},"insertId":${insertId},"warnings":${result.warnings},` +
        `"durationMs":${durationMs}}`,
    );
  }
}

function columnText(column: ColumnDefinition): string {
  return `{"name":${JSON.stringify(column.name)},"type":"${columnType(column)}","nullable":${isNullable(column)}}`;
}

/** Rows of the binary protocol -> JSON text. One for each request; `columns` begins a result set. */

import { ApiError } from '../api/api-error.js';
import { messageOf } from '../model/error.js';
import type { ColumnDefinition } from '../mysql-client/replies.js';
import { PacketReader } from '../mysql-protocol/packet-reader.js';
import { columnType, isNullable, type ValueDecoder, valueDecoder } from './column-types.js';

export interface ResultFormat {
  readonly rows: 'array' | 'object';
  readonly bigint: 'string' | 'number';
}

export class RowText {
  readonly #format: ResultFormat;
  #decoders: ValueDecoder[] = [];
  #prefixes: string[] = [];

  constructor(format: ResultFormat) {
    this.#format = format;
  }

  /** @throws ApiError 400 DUPLICATE_COLUMN when two keys of one object would be equal */
  columns(columns: readonly ColumnDefinition[]): void {
    if (this.#format.rows === 'object') refuseEqualNames(columns);
    const known = decodersOf[this.#format.bigint];
    this.#decoders = columns.map((column) => once(known, column, this.#format.bigint, valueDecoder));
    const object = this.#format.rows === 'object';
    this.#prefixes = columns.map((column, i) => {
      const comma = i === 0 ? '' : ',';
      return object ? `${comma}${JSON.stringify(column.name)}:` : comma;
    });
  }

  /** @throws ApiError 400 UNSAFE_BIGINT, 501 UNREADABLE_ANSWER */
  row(payload: Buffer): string {
    const count = this.#decoders.length;
    // Header byte, then the bitmap of NULLs, which begins with two unused bits.
    const reader = new PacketReader(payload, 1 + ((count + 9) >> 3));
    const object = this.#format.rows === 'object';
    let text = object ? '{' : '[';
    for (let i = 0; i < count; i++) {
      const bit = i + 2;
      const isNull = ((payload[1 + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
      text += this.#prefixes[i];
      text += isNull ? 'null' : this.#decoders[i]?.(reader);
    }
    if (reader.remaining !== 0) throw new RangeError('a row is longer than its columns');
    return text + (object ? '}' : ']');
  }
}

/** @throws ApiError 400 DUPLICATE_COLUMN */
export function refuseEqualNames(columns: readonly ColumnDefinition[]): void {
  const names = new Set<string>();
  for (const { name } of columns) {
    if (names.has(name)) {
      throw new ApiError(
        400,
        'DUPLICATE_COLUMN',
        `Two columns are named "${name}": give one another name (AS), or ask for "rows": "array".`,
      );
    }
    names.add(name);
  }
}

/** Why the rows of a result cannot be given. */
export function rowFailure(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(
    501,
    'UNREADABLE_ANSWER',
    `HTTP cannot read a row that the server gave: ${messageOf(error)}. Use a MySQL client on the MySQL port for this statement.`,
  );
}

/** `[{"name","type","nullable"}, ...]` */
export function columnsText(columns: readonly ColumnDefinition[]): string {
  return `[${columns.map((column) => once(columnTexts, column, undefined, columnText)).join(',')}]`;
}

function columnText(column: ColumnDefinition): string {
  return `{"name":${JSON.stringify(column.name)},"type":"${columnType(column)}","nullable":${isNullable(column)}}`;
}

/** What was made of a column once: sessions give the same object for the same column (`ColumnCache`). */
const columnTexts = new WeakMap<ColumnDefinition, string>();
const decodersOf = {
  string: new WeakMap<ColumnDefinition, ValueDecoder>(),
  number: new WeakMap<ColumnDefinition, ValueDecoder>(),
};

function once<T, O>(
  known: WeakMap<ColumnDefinition, T>,
  column: ColumnDefinition,
  option: O,
  make: (column: ColumnDefinition, option: O) => T,
): T {
  let made = known.get(column);
  if (made === undefined) {
    made = make(column, option);
    known.set(column, made);
  }
  return made;
}

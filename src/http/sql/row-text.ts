/** Rows of the binary protocol -> JSON text. One for each request; `columns` begins a result set. */
import { PacketReader } from '../mysql/packet.js';
import type { ColumnDefinition } from '../mysql/replies.js';
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

  columns(columns: readonly ColumnDefinition[]): void {
    this.#decoders = columns.map((column) => valueDecoder(column, this.#format.bigint));
    const object = this.#format.rows === 'object';
    this.#prefixes = columns.map((column, i) => {
      const comma = i === 0 ? '' : ',';
      return object ? `${comma}${JSON.stringify(column.name)}:` : comma;
    });
  }

  /** @throws ApiError 400 UNSAFE_BIGINT, and whatever a value that is no value makes */
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
    return text + (object ? '}' : ']');
  }
}

/** `[{"name","type","nullable"}, ...]` */
export function columnsText(columns: readonly ColumnDefinition[]): string {
  const each = columns.map(
    (column) =>
      `{"name":${JSON.stringify(column.name)},"type":"${columnType(column)}","nullable":${isNullable(column)}}`,
  );
  return `[${each.join(',')}]`;
}

/** Rows into the parts of a file, each of a size that a browser takes well. Pure. */
import type { Column } from '../../../../client/src/index.js';
import { type Format, writerOf } from './export-text.js';

const PART_LENGTH = 1_000_000;

export class FileText {
  readonly #parts: string[] = [];
  readonly #format: Format;
  readonly #table: string;
  #writer: ReturnType<typeof writerOf> | null = null;
  #text = '';
  #rows = 0;

  constructor(format: Format, table: string) {
    this.#format = format;
    this.#table = table;
  }

  get rows(): number {
    return this.#rows;
  }

  add(columns: readonly Column[], rows: Iterable<readonly unknown[]>): void {
    if (this.#writer === null) {
      this.#writer = writerOf(this.#format, columns, this.#table);
      this.#text = this.#writer.begin;
    }
    for (const row of rows) {
      this.#text += this.#writer.row(row, this.#rows === 0);
      this.#rows++;
      if (this.#text.length < PART_LENGTH) continue;
      this.#parts.push(this.#text);
      this.#text = '';
    }
  }

  /** The whole file. */
  end(): readonly string[] {
    this.#parts.push(this.#text + (this.#writer?.end ?? ''));
    return this.#parts;
  }
}

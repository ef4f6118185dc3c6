/** The rows of a result, kept as compactly as a page can: as bytes of JSON, of which only what is looked at is read again. Pure. */
import { parseExactly } from '../exact-json.js';

export type Values = readonly unknown[];

/** What a page keeps of one result. */
export const ROWS_MAX = 1_000_000;
export const BYTES_MAX = 200_000_000;

const BLOCK_ROWS = 256;
const BLOCK_LENGTH = 128 * 1024;
/** Those that were read last: the rows in sight, and around them. */
const OPEN_MAX = 8;

interface Block {
  readonly first: number;
  readonly bytes: Uint8Array;
}

export class RowStore {
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  readonly #blocks: Block[] = [];
  readonly #open = new Map<Block, readonly Values[]>();
  /** Rows that make no block yet. */
  #texts: string[] = [];
  #textsLength = 0;
  #count = 0;
  #bytes = 0;

  constructor({ rowsMax = ROWS_MAX, bytesMax = BYTES_MAX } = {}) {
    this.#rowsMax = rowsMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes + this.#textsLength;
  }

  /** Returns how many of them it has taken: fewer when it is full. */
  add(rows: readonly Values[]): number {
    let taken = 0;
    for (const row of rows) {
      if (this.#count >= this.#rowsMax || this.bytes >= this.#bytesMax) break;
      const text = JSON.stringify(row);
      this.#texts.push(text);
      this.#textsLength += text.length;
      this.#count++;
      taken++;
      if (this.#texts.length === BLOCK_ROWS || this.#textsLength >= BLOCK_LENGTH) this.#close();
    }
    return taken;
  }

  #close(): void {
    const bytes = new TextEncoder().encode(`[${this.#texts.join(',')}]`);
    this.#blocks.push({ first: this.#count - this.#texts.length, bytes });
    this.#bytes += bytes.length;
    this.#texts = [];
    this.#textsLength = 0;
  }

  /** Undefined: there is no such row. */
  row(index: number): Values | undefined {
    const loose = this.#count - this.#texts.length;
    if (index >= loose) {
      const text = this.#texts[index - loose];
      return text === undefined ? undefined : (parseExactly(text) as Values);
    }
    const block = this.#blockOf(index);
    return block && this.#read(block)[index - block.first];
  }

  *[Symbol.iterator](): Generator<Values> {
    // Once around: none of them is worth keeping open.
    for (const { bytes } of this.#blocks) yield* rowsOf(bytes);
    for (const text of this.#texts) yield parseExactly(text) as Values;
  }

  #blockOf(index: number): Block | undefined {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#blocks[middle]?.first ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return this.#blocks[low];
  }

  #read(block: Block): readonly Values[] {
    const rows = this.#open.get(block) ?? rowsOf(block.bytes);
    this.#open.delete(block);
    this.#open.set(block, rows);
    const [oldest] = this.#open.keys();
    if (this.#open.size > OPEN_MAX && oldest) this.#open.delete(oldest);
    return rows;
  }
}

const rowsOf = (bytes: Uint8Array): readonly Values[] =>
  parseExactly(new TextDecoder().decode(bytes)) as Values[];

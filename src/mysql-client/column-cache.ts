import { type ColumnDefinition, decodeColumn } from './replies.js';

/** Statements that a session runs again and again have a few hundred columns together; more begin again. */
const DEFINITIONS_MAX = 1000;

/** Definitions of columns that were decoded before: the same bytes mean the same column, in one object. */
export class ColumnCache {
  readonly #extendedMetadata: boolean;
  readonly #known = new Map<string, ColumnDefinition>();

  constructor(extendedMetadata: boolean) {
    this.#extendedMetadata = extendedMetadata;
  }

  decode(payload: Buffer): ColumnDefinition {
    const bytes = payload.toString('latin1');
    const known = this.#known.get(bytes);
    if (known) return known;
    const column = decodeColumn(payload, this.#extendedMetadata);
    if (this.#known.size >= DEFINITIONS_MAX) this.#known.clear();
    this.#known.set(bytes, column);
    return column;
  }
}

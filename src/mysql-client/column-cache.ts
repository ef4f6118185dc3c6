import { type ColumnDefinition, decodeColumn } from './replies.js';

/** The repeated statements of a session have a few hundred columns together. Above this number the cache is emptied. */
const DEFINITIONS_MAX = 1000;

/** Decodes each column definition once: equal bytes give the same object. */
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

/**
 * How many rows the next chunk has, so that each takes about the same time. Pure. Grows slowly and shrinks at once: a chunk
 * that is too large holds up DDL on its table, and keeps a server busy.
 */
export const CHUNK_TARGET_MS = 100;
export const CHUNK_ROWS_FIRST = 1_000;
const CHUNK_ROWS_MAX = 1_000_000;
const CHUNK_ROWS_MIN = 10;
const GROWTH_MAX = 2;

export function nextChunkRows(rows: number, tookMs: number): number {
  const wanted = (rows * CHUNK_TARGET_MS) / Math.max(1, tookMs);
  const next = Math.round(Math.min(wanted, rows * GROWTH_MAX));
  return Math.min(CHUNK_ROWS_MAX, Math.max(CHUNK_ROWS_MIN, next));
}

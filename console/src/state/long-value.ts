/** Values of which a cell shows only the beginning. Pure. */
import type { Column } from '../../../client/src/index.js';
import { cut } from './bound.js';
import { textFor } from './sql/cell-text.js';
import { BINARY, valueText } from './sql-result.js';

/** Whether there is more of it than its cell shows. */
export function isCutShort(value: unknown, column: Column): boolean {
  const text = valueText(value, column);
  if (text === null) return false;
  // What stands behind the digits is how many bytes there are.
  if (BINARY.test(column.type)) return text.startsWith('0x') && text.includes(' ');
  return cut(text) !== text;
}

/** All of it. */
export const wholeText = (value: unknown, column: Column): string => textFor(value, column) ?? 'NULL';

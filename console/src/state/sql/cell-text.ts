/** A value as text: short in a cell, whole in a dialog or a file. Pure. */
import type { Column } from '../../../../client/src/index.js';
import { BINARY, bytesOf, isNumeric, valueText } from '../sql-result.js';
import { widthOf } from './grid-window.js';

/** A cell shows no more, and what is not shown costs time. */
const CELL_CHARACTERS = 200;

/** In one line; null stays null, because it is not the text NULL. */
export function cellText(value: unknown, column: Column): string | null {
  const text = valueText(value, column);
  if (text === null) return null;
  const cut = text.length > CELL_CHARACTERS ? `${text.slice(0, CELL_CHARACTERS)}…` : text;
  return cut.replace(/[\r\n\t]+/g, ' ↵ ');
}

/** The whole of it. */
export function textFor(value: unknown, column: Column): string | null {
  if (typeof value === 'string' && BINARY.test(column.type)) return hexText(value);
  return valueText(value, column);
}

/** Bytes as SQL takes them. */
function hexText(base64: string): string {
  const digits = bytesOf(base64).map((byte) => byte.toString(16).padStart(2, '0'));
  return digits.length === 0 ? "X''" : `0x${digits.join('')}`;
}

const CHARACTER_PX = 8.4;
const WIDEST = 60;
const NUMBER_CHARACTERS = 9;

/** Wide enough for its name and for what the first rows have. */
export function widthsOf(
  columns: readonly Column[],
  rows: readonly (readonly unknown[])[],
): readonly number[] {
  return columns.map((column, at) => {
    // The first numbers may be the smallest.
    const usual = isNumeric(column) ? [NUMBER_CHARACTERS] : [];
    const lengths = rows.map((row) => Math.min(WIDEST, (cellText(row[at], column) ?? 'NULL').length));
    return widthOf([column.name.length, ...usual, ...lengths], CHARACTER_PX);
  });
}

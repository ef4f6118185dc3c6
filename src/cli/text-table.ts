import { terminalLine } from '../std/terminal-text.js';

export interface Column {
  readonly name: string;
  readonly align?: 'left' | 'right';
}

/** Longer cells are cut, so that one long text does not make a table unreadable. */
const CELL_WIDTH_MAX = 80;

/** Lines of a table with its head, two blanks between columns, no line that ends in blanks. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => shorten(terminalLine(cell))));
  const heads = columns.map(({ name }) => shorten(terminalLine(name)));
  const widths = heads.map((name, at) => Math.max(width(name), ...cells.map((row) => width(row[at] ?? ''))));
  const line = (row: readonly string[]) =>
    columns
      .map(({ align }, at) => pad(row[at] ?? '', widths[at] ?? 0, align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [line(heads), ...cells.map(line)];
}

/** How many columns of a terminal a text takes: wide letters (CJK, emoji) take two, combining marks none. */
export function width(text: string): number {
  let columns = 0;
  for (const letter of text) {
    if (/\p{Mn}|\p{Me}|\u200d|\ufe0f/u.test(letter)) continue;
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(
        letter,
      )
        ? 2
        : 1;
  }
  return columns;
}

function pad(text: string, columns: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, columns - width(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

function shorten(text: string): string {
  if (width(text) <= CELL_WIDTH_MAX) return text;
  let cut = '';
  for (const letter of text) {
    if (width(cut) + width(letter) > CELL_WIDTH_MAX - 1) break;
    cut += letter;
  }
  return `${cut}…`;
}

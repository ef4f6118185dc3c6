/** Which part of a long list is in sight. Pure. */

/**
 * Browsers make no element higher than some 17 to 33 million pixels, which is less than a million rows need. So the bar of a longer
 * list stands for more than its length.
 */
const HEIGHT_MAX_PX = 8_000_000;
/** Rows beyond both edges: they are there when one scrolls a little. */
const BEYOND = 6;

export interface Measures {
  readonly rows: number;
  readonly rowPx: number;
  /** Of what is in sight. */
  readonly heightPx: number;
}

export interface Window {
  readonly first: number;
  /** The first that is not drawn. */
  readonly end: number;
  /** Where the row `first` stands, from the top of the scrolled content. */
  readonly topPx: number;
}

const wholePx = ({ rows, rowPx }: Measures) => rows * rowPx;

/** Of the scrolled content. */
export const contentPx = (measures: Measures): number => Math.min(HEIGHT_MAX_PX, wholePx(measures));

/** How far the list has moved when the bar stands at `scrollTop`. */
function movedPx(measures: Measures, scrollTop: number): number {
  const way = contentPx(measures) - measures.heightPx;
  if (way <= 0) return 0;
  const share = Math.min(1, Math.max(0, scrollTop / way));
  return share * (wholePx(measures) - measures.heightPx);
}

export function windowAt(measures: Measures, scrollTop: number): Window {
  const { rows, rowPx, heightPx } = measures;
  const moved = movedPx(measures, scrollTop);
  const first = Math.max(0, Math.floor(moved / rowPx) - BEYOND);
  const end = Math.min(rows, Math.ceil((moved + heightPx) / rowPx) + BEYOND);
  return { first, end, topPx: scrollTop + first * rowPx - moved };
}

/** Where the bar has to stand so that a row is in sight; null = it is. */
export function scrollTopFor(measures: Measures, scrollTop: number, row: number): number | null {
  const { rowPx, heightPx } = measures;
  const moved = movedPx(measures, scrollTop);
  const top = row * rowPx;
  const next = top < moved ? top : top + rowPx > moved + heightPx ? top + rowPx - heightPx : null;
  if (next === null) return null;
  const way = contentPx(measures) - heightPx;
  const whole = wholePx(measures) - heightPx;
  return whole <= 0 ? 0 : (next / whole) * way;
}

/** Columns in sight, of those with these widths. */
export function columnsInSight(
  lefts: readonly number[],
  scrollLeft: number,
  widthPx: number,
): { readonly first: number; readonly end: number } {
  const after = lefts.findIndex((left) => left > scrollLeft);
  const first = Math.max(0, (after === -1 ? lefts.length - 1 : after) - 1);
  const beyond = lefts.findIndex((left) => left >= scrollLeft + widthPx);
  return { first, end: beyond === -1 ? lefts.length - 1 : beyond };
}

/** Where each column begins; the last number is where all end. */
export function leftsOf(widths: readonly number[]): readonly number[] {
  let at = 0;
  return [0, ...widths.map((width) => (at += width))];
}

const CELL_MIN_PX = 56;
const CELL_MAX_PX = 420;
const PADDING_PX = 25;

/** As wide as the longest of some texts, within limits. */
export const widthOf = (lengths: readonly number[], characterPx: number): number =>
  Math.round(
    Math.min(CELL_MAX_PX, Math.max(CELL_MIN_PX, Math.max(0, ...lengths) * characterPx + PADDING_PX)),
  );

export type Place = { readonly row: number; readonly column: number };

/** Where a key leads to; null = it does not move. */
export function placeAfter(
  key: { readonly name: string; readonly ctrl: boolean },
  { row, column }: Place,
  { rows, columns, page }: { readonly rows: number; readonly columns: number; readonly page: number },
): Place | null {
  const to = (nextRow: number, nextColumn: number): Place => ({
    row: Math.min(rows - 1, Math.max(0, nextRow)),
    column: Math.min(columns - 1, Math.max(0, nextColumn)),
  });
  switch (key.name) {
    case 'ArrowDown':
      return key.ctrl ? to(rows - 1, column) : to(row + 1, column);
    case 'ArrowUp':
      return key.ctrl ? to(0, column) : to(row - 1, column);
    case 'ArrowRight':
      return to(row, column + 1);
    case 'ArrowLeft':
      return to(row, column - 1);
    case 'PageDown':
      return to(row + page, column);
    case 'PageUp':
      return to(row - page, column);
    case 'Home':
      return key.ctrl ? to(0, 0) : to(row, 0);
    case 'End':
      return key.ctrl ? to(rows - 1, columns - 1) : to(row, columns - 1);
    default:
      return null;
  }
}

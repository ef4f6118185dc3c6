import { useEffect, useMemo, useState } from 'preact/hooks';
import { widthsOf } from '../../../state/sql/cell-text.js';
import type { ResultSet } from '../../../state/sql/script-run.js';

/** Rows from which the widths are taken. */
const ROWS_READ = 50;
const COLUMN_MIN_PX = 32;

/** As the first rows need them, and as somebody has dragged them since. */
export function useWidths({ columns, rows, count }: ResultSet): {
  readonly widths: readonly number[];
  resize(column: number, px: number): void;
} {
  const [dragged, setDragged] = useState<ReadonlyMap<number, number>>(new Map());
  useEffect(() => setDragged(new Map()), [columns]);
  const read = Math.min(count, ROWS_READ);
  const own = useMemo(() => {
    const first = Array.from({ length: read }, (_, at) => rows.row(at) ?? []);
    return widthsOf(columns, first);
  }, [columns, rows, read]);
  const widths = useMemo(() => own.map((px, at) => dragged.get(at) ?? px), [own, dragged]);
  const resize = (column: number, px: number) =>
    setDragged((old) => new Map(old).set(column, Math.max(COLUMN_MIN_PX, px)));
  return { widths, resize };
}

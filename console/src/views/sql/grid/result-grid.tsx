import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useSize } from '../../../parts/use-size.js';
import { textFor } from '../../../state/sql/cell-text.js';
import {
  columnsInSight,
  contentPx,
  leftsOf,
  type Place,
  placeAfter,
  scrollTopFor,
  windowAt,
} from '../../../state/sql/grid-window.js';
import type { ResultSet } from '../../../state/sql/script-run.js';
import { CellDialog } from './cell-dialog.js';
import { copyText } from './copy-text.js';
import { GridHead } from './grid-head.js';
import { GridRow } from './grid-row.js';
import { useWidths } from './use-widths.js';

const ROW_PX = 28;

/** However many rows there are, only those in sight are in the page. */
export function ResultGrid({ set, label }: { set: ResultSet; label: string }) {
  const { columns, rows, count } = set;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const [scroll, setScroll] = useState({ top: 0, left: 0 });
  const [place, setPlace] = useState<Place>({ row: 0, column: 0 });
  const [open, setOpen] = useState<Place | null>(null);
  const [told, setTold] = useState('');
  const { widths, resize } = useWidths(set);
  const lefts = useMemo(() => leftsOf(widths), [widths]);
  const measures = { rows: count, rowPx: ROW_PX, heightPx: Math.max(ROW_PX, size.height - ROW_PX) };
  const sight = windowAt(measures, scroll.top);
  // Beyond both edges too: what one scrolls to is there already.
  const across = columnsInSight(lefts, scroll.left - size.width, 3 * size.width);
  const look = () => {
    const { scrollTop = 0, scrollLeft = 0 } = box.current ?? {};
    setScroll({ top: scrollTop, left: scrollLeft });
  };
  // The place of a row that is far away: the bar has to move before it is drawn.
  useLayoutEffect(() => {
    if (box.current === null) return;
    const top = scrollTopFor(measures, box.current.scrollTop, place.row);
    if (top !== null) box.current.scrollTop = top;
    const [left = 0, right = 0] = [lefts[place.column], lefts[place.column + 1]];
    // Before the first measure nothing has a width.
    if (size.width === 0) return;
    if (left < box.current.scrollLeft) box.current.scrollLeft = left;
    else if (right > box.current.scrollLeft + size.width)
      box.current.scrollLeft = Math.min(left, right - size.width);
    look();
  }, [place]);
  useEffect(() => {
    if (told === '') return;
    const timer = setTimeout(() => setTold(''), 2500);
    return () => clearTimeout(timer);
  }, [told]);
  const copy = async ({ row, column }: Place) => {
    const shown = columns[column];
    if (shown === undefined) return;
    const text = textFor(rows.row(row)?.[column], shown) ?? 'NULL';
    setTold((await copyText(text)) ? 'Copied' : 'The browser does not let this page copy');
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const ctrl = event.ctrlKey || event.metaKey;
    if (ctrl && event.key === 'c' && getSelection()?.isCollapsed !== false) {
      event.preventDefault();
      void copy(place);
      return;
    }
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      if (count > 0) setOpen(place);
      return;
    }
    const page = Math.max(1, Math.floor(measures.heightPx / ROW_PX) - 1);
    const next = placeAfter({ name: event.key, ctrl }, place, { rows: count, columns: columns.length, page });
    if (next === null) return;
    event.preventDefault();
    setPlace(next);
  };
  const drawn = Array.from({ length: Math.max(0, sight.end - sight.first) }, (_, at) => sight.first + at);
  return (
    <>
      <div
        id="sql-result"
        ref={box}
        class="result-grid"
        role="grid"
        tabIndex={0}
        aria-label={label}
        aria-rowcount={count + 1}
        aria-colcount={columns.length}
        aria-activedescendant={count > 0 ? `${id}-${place.row}-${place.column}` : undefined}
        onScroll={look}
        onKeyDown={onKeyDown}
      >
        <GridHead columns={columns} lefts={lefts} across={across} onResize={resize} />
        <div
          class="result-content"
          role="presentation"
          style={{ height: `${contentPx(measures)}px`, width: `${lefts.at(-1)}px` }}
        >
          <div class="result-layer" role="rowgroup" style={{ transform: `translateY(${sight.topPx}px)` }}>
            {drawn.map((row) => (
              <GridRow
                key={row}
                id={id}
                row={row}
                values={rows.row(row) ?? []}
                columns={columns}
                lefts={lefts}
                across={across}
                place={place}
                onPlace={(at) => {
                  setPlace(at);
                  box.current?.focus({ preventScroll: true });
                }}
                onOpen={setOpen}
              />
            ))}
          </div>
        </div>
      </div>
      <p class="unseen" role="status">
        {told}
      </p>
      {open !== null && <CellDialog set={set} place={open} onClose={() => setOpen(null)} />}
    </>
  );
}

import type { Column } from '../../../../../client/src/index.js';
import { isNumeric } from '../../../state/sql-result.js';

interface GridHeadProps {
  readonly columns: readonly Column[];
  readonly lefts: readonly number[];
  readonly across: { readonly first: number; readonly end: number };
  onResize(column: number, px: number): void;
}

/** It stays above the rows. Its right edges can be dragged. */
export function GridHead({ columns, lefts, across, onResize }: GridHeadProps) {
  return (
    <div class="head-row" role="rowgroup" style={{ width: `${lefts.at(-1)}px` }}>
      <div role="row" aria-rowindex={1}>
        {columns.slice(across.first, across.end).map((column, offset) => {
          const at = across.first + offset;
          const left = lefts[at] ?? 0;
          const width = (lefts[at + 1] ?? 0) - left;
          return (
            <span
              key={at}
              role="columnheader"
              class={isNumeric(column) ? 'number' : ''}
              aria-colindex={at + 1}
              title={`${column.name}: ${column.type}`}
              style={{ left: `${left}px`, width: `${width}px` }}
            >
              {column.name}
              <i
                class="edge"
                aria-hidden="true"
                onPointerDown={(event) => drag(event, width, (px) => onResize(at, px))}
              />
            </span>
          );
        })}
      </div>
    </div>
  );
}

function drag(event: PointerEvent, width: number, resize: (px: number) => void): void {
  const edge = event.currentTarget as HTMLElement;
  event.preventDefault();
  edge.setPointerCapture(event.pointerId);
  edge.onpointermove = (move) => resize(width + move.clientX - event.clientX);
  edge.onlostpointercapture = () => {
    edge.onpointermove = null;
  };
}

import type { Column } from '../../../../../client/src/index.js';
import { cellText } from '../../../state/sql/cell-text.js';
import type { Place } from '../../../state/sql/grid-window.js';
import { isNumeric } from '../../../state/sql-result.js';

interface GridRowProps {
  /** Of the grid: each cell has its own from it, so that the grid can say which one is meant. */
  readonly id: string;
  readonly row: number;
  readonly values: readonly unknown[];
  readonly columns: readonly Column[];
  readonly lefts: readonly number[];
  readonly across: { readonly first: number; readonly end: number };
  readonly place: Place;
  onPlace(place: Place): void;
  onOpen(place: Place): void;
}

export function GridRow(props: GridRowProps) {
  const { id, row, values, columns, lefts, across, place, onPlace, onOpen } = props;
  return (
    // The header is the first row.
    <div role="row" class={row === place.row ? 'result-line current' : 'result-line'} aria-rowindex={row + 2}>
      {columns.slice(across.first, across.end).map((column, offset) => {
        const at = across.first + offset;
        const left = lefts[at] ?? 0;
        const text = cellText(values[at], column);
        const isHere = row === place.row && at === place.column;
        return (
          <span
            key={at}
            id={`${id}-${row}-${at}`}
            role="gridcell"
            class={`${isNumeric(column) ? 'number' : ''} ${text === null ? 'null' : ''} ${isHere ? 'here' : ''}`}
            aria-colindex={at + 1}
            style={{ left: `${left}px`, width: `${(lefts[at + 1] ?? 0) - left}px` }}
            onMouseDown={() => onPlace({ row, column: at })}
            onDblClick={() => onOpen({ row, column: at })}
          >
            {text ?? 'NULL'}
          </span>
        );
      })}
    </div>
  );
}

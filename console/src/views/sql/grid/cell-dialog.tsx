import { useRef } from 'preact/hooks';
import { CopyButton } from '../../../parts/copy-button.js';
import { Dialog } from '../../../parts/dialog.js';
import { textFor } from '../../../state/sql/cell-text.js';
import type { Place } from '../../../state/sql/grid-window.js';
import type { ResultSet } from '../../../state/sql/script-run.js';
import { count } from '../../../state/text.js';

interface CellDialogProps {
  readonly set: ResultSet;
  readonly place: Place;
  onClose(): void;
}

/** The whole text of a value, of which the grid shows the beginning. */
export function CellDialog({ set, place, onClose }: CellDialogProps) {
  const shown = useRef<HTMLPreElement>(null);
  const column = set.columns[place.column];
  if (column === undefined) return null;
  const text = textFor(set.rows.row(place.row)?.[place.column], column);
  return (
    <Dialog title={column.name} onClose={onClose}>
      <p class="hint">
        {column.type}, row {count(place.row + 1)}
        {text !== null && `, ${count(text.length)} characters`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <pre ref={shown} class={`sql cell-text ${text === null ? 'null' : ''}`} tabIndex={0}>
        {text ?? 'NULL'}
      </pre>
      <div class="buttons">
        <CopyButton source={shown} label="Copy" />
        <button type="button" class="quiet" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

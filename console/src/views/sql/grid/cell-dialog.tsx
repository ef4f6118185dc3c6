import { TextDialog } from '../../../parts/text-dialog.js';
import { textFor } from '../../../state/sql/cell-text.js';
import type { Place } from '../../../state/sql/grid-window.js';
import type { ResultSet } from '../../../state/sql/script-run.js';
import { count } from '../../../state/text.js';

interface CellDialogProps {
  readonly set: ResultSet;
  readonly place: Place;
  onClose(): void;
}

export function CellDialog({ set, place, onClose }: CellDialogProps) {
  const column = set.columns[place.column];
  if (column === undefined) return null;
  const text = textFor(set.rows.row(place.row)?.[place.column], column);
  const length = text === null ? '' : `, ${count(text.length)} characters`;
  const about = `${column.type}, row ${count(place.row + 1)}${length}`;
  return <TextDialog title={column.name} about={about} text={text} onClose={onClose} />;
}

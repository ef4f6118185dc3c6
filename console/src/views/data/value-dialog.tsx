import type { Column } from '../../../../client/src/index.js';
import { TextDialog } from '../../parts/text-dialog.js';
import { count } from '../../state/text.js';

export interface Whole {
  readonly column: Column;
  readonly text: string;
}

interface ValueDialogProps {
  readonly whole: Whole;
  onClose(): void;
}

/** The value stays as it was read while the grid is read again. */
export function ValueDialog({ whole: { column, text }, onClose }: ValueDialogProps) {
  const about = `${column.type}, ${count(text.length)} characters`;
  return <TextDialog title={column.name} about={about} text={text} onClose={onClose} />;
}

import { ConfirmDialog } from '../../parts/confirm-dialog.js';
import type { Statement } from '../../state/sql/split.js';

interface AllRowsDialogProps {
  readonly risks: readonly string[];
  readonly statements: readonly Statement[];
  onConfirm(): void;
  onClose(): void;
}

/** Asks before all rows of a table are changed or deleted. */
export function AllRowsDialog({ risks, statements, onConfirm, onClose }: AllRowsDialogProps) {
  return (
    <ConfirmDialog
      title="All rows?"
      button="Run it"
      busy={false}
      problem={null}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      {[...new Set(risks)].map((risk) => (
        <p key={risk} class="hint">
          {risk}
        </p>
      ))}
      <pre class="sql preview">{statements.map(({ text }) => text).join(';\n')}</pre>
    </ConfirmDialog>
  );
}

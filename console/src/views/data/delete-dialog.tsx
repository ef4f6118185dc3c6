import { useSession } from '../../api/session.js';
import { ConfirmDialog } from '../../parts/confirm-dialog.js';
import { Message } from '../../parts/message.js';
import { useAction } from '../../parts/use-action.js';
import { deleteStatement, type ReadRow } from '../../state/row-sql.js';
import { StatementPreview } from './statement-preview.js';

interface DeleteDialogProps {
  readonly row: ReadRow;
  onDone(text: string): void;
  onClose(): void;
}

export function DeleteDialog({ row, onDone, onClose }: DeleteDialogProps) {
  const { api, onProblem } = useSession();
  const { busy, done, problem, run } = useAction<number>(onProblem);
  const statement = deleteStatement(row);
  const confirm = () =>
    void run(async () => {
      const rows = await api.tables.change(statement);
      if (rows > 0) onDone('The row is deleted.');
      return rows;
    });
  return (
    <ConfirmDialog
      title="Delete this row?"
      button="Delete the row"
      busy={busy}
      problem={problem}
      onConfirm={confirm}
      onClose={onClose}
    >
      <p class="hint">This runs on the primary, and every node follows.</p>
      <StatementPreview statement={statement} />
      {done === 0 && <Message kind="caution">There is no such row any more.</Message>}
    </ConfirmDialog>
  );
}

import { useSession } from '../../api/session.js';
import { ConfirmDialog } from '../../parts/confirm-dialog.js';
import { useAction } from '../../parts/use-action.js';
import type { StatementRow } from '../../state/statements.js';

export function EndDialog({ row, onClose }: { row: StatementRow; onClose(): void }) {
  const { api, onProblem } = useSession();
  const { busy, problem, run } = useAction<void>(onProblem);
  const confirm = () =>
    void run(async () => {
      await api.access.endStatement(row.id);
      onClose();
    });
  return (
    <ConfirmDialog
      title="End this statement?"
      button="End the statement"
      busy={busy}
      problem={problem}
      onConfirm={confirm}
      onClose={onClose}
    >
      <p class="hint">
        Its client ({row.account}) gets an error, and what the statement did is taken back. The session goes
        on.
      </p>
      <pre class="sql preview">{row.text}</pre>
    </ConfirmDialog>
  );
}

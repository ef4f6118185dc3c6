import type { Token } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { ConfirmDialog } from '../../parts/confirm-dialog.js';
import { Message } from '../../parts/message.js';
import { useAction } from '../../parts/use-action.js';

interface RevokeDialogProps {
  readonly token: Token;
  /** The page is signed in with it. */
  readonly isOwn: boolean;
  onClose(): void;
}

export function RevokeDialog({ token, isOwn, onClose }: RevokeDialogProps) {
  const { api, onProblem } = useSession();
  const { busy, problem, run } = useAction<void>(onProblem);
  const confirm = () =>
    void run(async () => {
      await api.access.revokeToken(token.id);
      onClose();
    });
  return (
    <ConfirmDialog
      title={`Revoke ${token.name}?`}
      button="Revoke the token"
      busy={busy}
      problem={problem}
      onConfirm={confirm}
      onClose={onClose}
    >
      <p class="hint">Within about a second no node takes it any more. It cannot be brought back.</p>
      {isOwn && (
        <Message kind="caution">You are signed in with this token: this page signs out then.</Message>
      )}
    </ConfirmDialog>
  );
}

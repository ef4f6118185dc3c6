import { useState } from 'preact/hooks';
import type { RotatedToken, Token } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { Dialog } from '../../parts/dialog.js';
import { Message, ProblemMessage } from '../../parts/message.js';
import { useAction } from '../../parts/use-action.js';
import { GRACES } from '../../state/tokens.js';
import { Secret } from './secret.js';

interface TokenDialogProps {
  readonly token: Token;
  /** The page is signed in with it. */
  readonly isOwn: boolean;
  onClose(): void;
}

export function RotateDialog({ token, isOwn, onClose }: TokenDialogProps) {
  const { api, onProblem } = useSession();
  const { busy, done, problem, run } = useAction<RotatedToken>(onProblem);
  // Who rotates the token of this very page should have time to copy the new one.
  const [grace, setGrace] = useState(isOwn ? 600 : 0);
  if (done !== null)
    return (
      <Dialog title={`Token ${token.name}`} onClose={onClose}>
        <Secret text={done.token} onClose={onClose} />
      </Dialog>
    );
  return (
    <Dialog title={`Rotate ${token.name}`} onClose={onClose}>
      <p class="hint">It gets a new text, and keeps its name, role, expiry and limit.</p>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void run(() => api.access.rotateToken(token.id, grace));
        }}
      >
        <label>
          The old text
          <select value={String(grace)} onChange={(event) => setGrace(Number(event.currentTarget.value))}>
            {GRACES.filter(({ seconds }) => !isOwn || seconds > 0).map(({ seconds, text }) => (
              <option key={seconds} value={String(seconds)}>
                {text}
              </option>
            ))}
          </select>
        </label>
        {isOwn && (
          <Message kind="caution">
            You are signed in with this token: sign in with the new text before the old one ends.
          </Message>
        )}
        {problem !== null && <ProblemMessage problem={problem} />}
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={busy}>
            {busy ? 'Waiting for the answer ...' : 'Rotate the token'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

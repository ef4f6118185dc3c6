import type { ComponentChildren } from 'preact';
import type { Problem } from '../state/problem.js';
import { Dialog } from './dialog.js';
import { ProblemMessage } from './message.js';

interface ConfirmDialogProps {
  readonly title: string;
  readonly button: string;
  readonly busy: boolean;
  readonly problem: Problem | null;
  readonly children: ComponentChildren;
  onConfirm(): void;
  onClose(): void;
}

/** Asks once more before something ends for good. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, button, busy, problem, children, onConfirm, onClose } = props;
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {problem !== null && <ProblemMessage problem={problem} />}
      <div class="buttons">
        <button type="button" class="quiet" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="danger" disabled={busy} onClick={onConfirm}>
          {busy ? 'Waiting for the answer ...' : button}
        </button>
      </div>
    </Dialog>
  );
}

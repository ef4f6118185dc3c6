import { useRef } from 'preact/hooks';
import { CopyButton } from './copy-button.js';
import { Dialog } from './dialog.js';

interface TextDialogProps {
  readonly title: string;
  readonly about: string;
  /** Null: the value NULL. */
  readonly text: string | null;
  onClose(): void;
}

/** All of a value, of which a grid shows the beginning. */
export function TextDialog({ title, about, text, onClose }: TextDialogProps) {
  const shown = useRef<HTMLPreElement>(null);
  return (
    <Dialog title={title} onClose={onClose}>
      <p class="hint">{about}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <pre ref={shown} class={`sql whole-value ${text === null ? 'null' : ''}`} tabIndex={0}>
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

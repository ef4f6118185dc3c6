import { useRef } from 'preact/hooks';
import type { Column } from '../../../../client/src/index.js';
import { CopyButton } from '../../parts/copy-button.js';
import { Dialog } from '../../parts/dialog.js';
import { count } from '../../state/text.js';

export interface Whole {
  readonly column: Column;
  readonly text: string;
}

interface ValueDialogProps {
  readonly whole: Whole;
  onClose(): void;
}

/** All of a value, of which the grid shows the beginning. It stays as it was read while the grid is read again. */
export function ValueDialog({ whole: { column, text }, onClose }: ValueDialogProps) {
  const shown = useRef<HTMLPreElement>(null);
  return (
    <Dialog title={column.name} onClose={onClose}>
      <p class="hint">
        {column.type}, {count(text.length)} characters
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <pre ref={shown} class="sql whole-value" tabIndex={0}>
        {text}
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

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

interface TypedConfirmationProps {
  /** What has to be typed. */
  readonly word: string;
  readonly button: string;
  readonly busy: boolean;
  readonly children?: ComponentChildren;
  onConfirm(): void;
  onCancel(): void;
}

/** For what cannot be taken back by another click: the name of what it is about has to be typed. */
export function TypedConfirmation(props: TypedConfirmationProps) {
  const { word, button, busy, children, onConfirm, onCancel } = props;
  const [typed, setTyped] = useState('');
  const matches = typed.trim() === word;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (matches && !busy) onConfirm();
      }}
    >
      {children}
      <label>
        Type <strong class="word">{word}</strong> to confirm
        <input
          type="text"
          value={typed}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <div class="buttons">
        <button type="button" class="quiet" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="danger" disabled={!matches || busy}>
          {busy ? 'Waiting for the answer ...' : button}
        </button>
      </div>
    </form>
  );
}

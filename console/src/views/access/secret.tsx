import { useEffect, useRef } from 'preact/hooks';
import { CopyButton } from '../../parts/copy-button.js';

/** The text of a token, which no one can show again. */
export function Secret({ text, onClose }: { text: string; onClose(): void }) {
  const shown = useRef<HTMLElement>(null);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), []);
  return (
    <>
      <p>
        <strong>This is shown only now.</strong> Copy it to where it is used; Skein keeps no more than its
        hash.
      </p>
      <p class="secret">
        <code id="secret" ref={shown}>
          {text}
        </code>
        <CopyButton source={shown} label="Copy" />
      </p>
      <div class="buttons">
        <button type="button" ref={close} onClick={onClose}>
          I have it
        </button>
      </div>
    </>
  );
}

import { useEffect, useRef } from 'preact/hooks';
import { CopyLine } from '../../parts/copy-line.js';

/** The text of a token, which no one can show again. */
export function Secret({ text, onClose }: { text: string; onClose(): void }) {
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), []);
  return (
    <>
      <p>
        <strong>This is shown only now.</strong> Copy it to where it is used; Skein keeps no more than its
        hash.
      </p>
      <CopyLine id="secret" text={text} />
      <div class="buttons">
        <button type="button" ref={close} onClick={onClose}>
          I have it
        </button>
      </div>
    </>
  );
}

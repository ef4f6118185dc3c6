import { useRef } from 'preact/hooks';
import { CopyButton } from './copy-button.js';

/** A text to copy to where it is used. */
export function CopyLine({ id, text }: { readonly id: string; readonly text: string }) {
  const shown = useRef<HTMLElement>(null);
  return (
    <p class="copy-line">
      <code id={id} ref={shown}>
        {text}
      </code>
      <CopyButton source={shown} label="Copy" />
    </p>
  );
}

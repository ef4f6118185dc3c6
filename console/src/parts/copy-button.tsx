import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const TOLD_MS = 2500;

interface CopyButtonProps {
  /** What is copied, as text on the page. */
  readonly source: RefObject<HTMLElement | null>;
  readonly label: string;
}

/** Copies the text of an element. Where the browser refuses that, the text is selected, so that a person can. */
export function CopyButton({ source, label }: CopyButtonProps) {
  const [told, setTold] = useState<string | null>(null);
  useEffect(() => {
    if (told === null) return;
    const timer = setTimeout(() => setTold(null), TOLD_MS);
    return () => clearTimeout(timer);
  }, [told]);
  const copy = async () => {
    const element = source.current;
    if (element === null) return;
    getSelection()?.selectAllChildren(element);
    setTold((await copied(element.textContent ?? '')) ? 'Copied' : 'Selected: press Ctrl + C');
  };
  return (
    <button type="button" class="quiet small copy" onClick={() => void copy()}>
      <span aria-live="polite">{told ?? label}</span>
    </button>
  );
}

/** A page that came without TLS has no clipboard, but may copy what is selected. */
async function copied(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
    return document.execCommand('copy');
  } catch {
    return false;
  }
}

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Message } from './message.js';

export type Later = ComponentType & {
  /** Fetches the code before it is needed. */
  preload(): void;
};

/** A view whose code does not come with the page, but soon after it, or when it is opened. */
export function later(load: () => Promise<ComponentType>): Later {
  let loaded: ComponentType | null = null;
  const fetchIt = async () => {
    loaded ??= await load();
    return loaded;
  };
  function View() {
    const [Shown, setShown] = useState<ComponentType | null>(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      fetchIt().then(
        (view) => setShown(() => view),
        () => setFailed(true),
      );
    }, []);
    if (Shown !== null) return <Shown />;
    if (!failed) return <p class="hint">Loading ...</p>;
    return (
      <Message kind="bad">
        This view could not be loaded: the node does not answer, or has another version now.{' '}
        <button type="button" class="quiet" onClick={() => location.reload()}>
          Load the page again
        </button>
      </Message>
    );
  }
  // A failure is told when the view is opened.
  return Object.assign(View, { preload: () => void fetchIt().catch(() => {}) });
}

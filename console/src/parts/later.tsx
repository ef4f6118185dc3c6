import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Message } from './message.js';

/** A view whose code is fetched when it is opened for the first time. */
export function later(load: () => Promise<ComponentType>): ComponentType {
  let loaded: ComponentType | null = null;
  return function Later() {
    const [View, setView] = useState<ComponentType | null>(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (loaded !== null) return;
      load().then(
        (view) => {
          loaded = view;
          setView(() => view);
        },
        () => setFailed(true),
      );
    }, []);
    if (View !== null) return <View />;
    if (!failed) return <p class="hint">Loading ...</p>;
    return (
      <Message kind="bad">
        This view could not be loaded: the node does not answer, or has another version now.{' '}
        <button type="button" class="quiet" onClick={() => location.reload()}>
          Load the page again
        </button>
      </Message>
    );
  };
}

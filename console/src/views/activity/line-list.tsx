import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ShownLine } from '../../state/lines.js';

/** Nearer to the end than this counts as at the end. */
const AT_END_PX = 40;

/** What is there stays, so that it can be selected and copied; the view moves on only when it is at the end. */
export function LineList({ lines, isFiltered }: { lines: readonly ShownLine[] | null; isFiltered: boolean }) {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    const element = list.current;
    if (element !== null && atEnd.current) element.scrollTop = element.scrollHeight;
  });
  const onScroll = (event: { currentTarget: HTMLElement }) => {
    const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
    atEnd.current = scrollHeight - scrollTop - clientHeight < AT_END_PX;
  };
  return (
    <div
      id="log"
      ref={list}
      class="scroll log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Lines"
      onScroll={onScroll}
    >
      {lines === null && <span class="hint">Loading ...</span>}
      {lines?.length === 0 && (
        <span class="hint">{isFiltered ? 'No line contains this.' : 'There are no lines yet.'}</span>
      )}
      {lines?.map((line) => (
        <p key={line.key} class={line.level}>
          <span class="time">{line.time}</span>
          <span class="level">{line.level}</span>
          <span class="part">{line.part}</span>
          <span class="what">
            {line.text} <span class="data">{line.data}</span>
          </span>
        </p>
      ))}
    </div>
  );
}

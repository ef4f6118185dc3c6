import type { EventLine } from '../../state/events.js';

export function EventList({ events }: { events: readonly EventLine[] }) {
  if (events.length === 0) return <p class="hint">Nothing has happened since the node started.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section class="scroll" tabIndex={0} aria-label="Events, the newest first">
      <ol id="events" class="events">
        {events.map(({ id, time, event, text, tone }) => (
          <li key={id}>
            <span class="time">{time}</span>
            <span class={`event ${tone}`}>{event}</span>
            <span class="what">{text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

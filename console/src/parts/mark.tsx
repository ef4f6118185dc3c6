import type { Member } from '../../../client/src/index.js';
import type { Tone } from '../state/status.js';

/** The shape of each state, 12 by 12: what the colour says must be seen without it. */
const SHAPES: Readonly<Record<Member['state'], string>> = {
  // A disc, a ring that is filled half, a triangle, a square, two bars, a cross.
  live: 'M6 1a5 5 0 1 1 0 10a5 5 0 1 1 0-10Z',
  joining: 'M6 1a5 5 0 1 1 0 10a5 5 0 1 1 0-10ZM6 2.6a3.4 3.4 0 0 0 0 6.8Z',
  late: 'M6 .8L11.6 11H.4Z',
  stopped: 'M1.5 1.5h9v9h-9Z',
  stalled: 'M2 1h3v10H2ZM7 1h3v10H7Z',
  gone: 'M2.4 1L6 4.6 9.6 1 11 2.4 7.4 6 11 9.6 9.6 11 6 7.4 2.4 11 1 9.6 4.6 6 1 2.4Z',
};

export const shapeOf = (state: Member['state']): string => SHAPES[state] ?? SHAPES.late;

/** The state of a member as a word with its shape. */
export function StateMark({ state, tone }: { state: Member['state']; tone: Tone }) {
  return (
    <span class={`mark ${tone}`}>
      <svg viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">
        <path d={shapeOf(state)} fill-rule="evenodd" />
      </svg>
      {state}
    </span>
  );
}

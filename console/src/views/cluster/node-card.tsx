import { shapeOf } from '../../parts/mark.js';
import { CARD, type Place } from '../../state/layout.js';
import { shortened } from '../../state/text.js';
import type { Face } from '../../state/topology.js';

interface NodeCardProps {
  readonly face: Face;
  readonly place: Place;
  /** Transactions per second of the primary, or ''. */
  readonly rate: string;
}

/** What a character of a card needs on the average, in pixels: text in SVG does not know where its card ends. */
const NAME_CHARACTER_PX = 9;
const SMALL_CHARACTER_PX = 6.6;
const PAD = 14;

export function NodeCard({ face, place, rate }: NodeCardProps) {
  const { name, role, isPrimary, witness, voter, state, tone } = face;
  const right = place.width - PAD;
  const nameRoom = right - PAD - 22 - role.length * SMALL_CHARACTER_PX - 10;
  const kind = isPrimary ? 'primary' : witness ? 'witness' : voter ? 'replica' : 'learner';
  return (
    <g
      class={`node ${tone} ${kind} ${state === 'gone' ? 'lost' : ''}`}
      data-node={name}
      data-state={state}
      style={{ transform: `translate(${place.x}px, ${place.y}px)` }}
    >
      <title>{name}</title>
      <rect class="card" width={place.width} height={CARD.height} rx={witness ? 26 : 8} />
      <g class="shape" transform={`translate(${PAD} 17)`}>
        <path d={shapeOf(state)} fill-rule="evenodd" />
      </g>
      <text class="name" x={PAD + 22} y={28}>
        {shortened(name, Math.floor(nameRoom / NAME_CHARACTER_PX))}
      </text>
      <text class="role" x={right} y={28} text-anchor="end">
        {role}
      </text>
      <text class="state" x={PAD} y={51}>
        {face.stateText}
        {face.maintenance && <tspan class="soft"> · maintenance</tspan>}
      </text>
      <text class="soft" x={PAD} y={72}>
        {face.server}
        {face.serverDown && <tspan class="down"> down</tspan>}
      </text>
      {face.isSelf && (
        <text class="soft self" x={right} y={51} text-anchor="end">
          this node
        </text>
      )}
      <text class="soft" x={PAD} y={92}>
        {face.position}
        {rate !== '' && <tspan class="rate"> · {rate}</tspan>}
      </text>
      <text class="soft" x={right} y={92} text-anchor="end">
        {face.epoch}
      </text>
    </g>
  );
}

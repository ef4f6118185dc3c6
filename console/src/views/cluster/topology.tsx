import { useEffect, useRef, useState } from 'preact/hooks';
import type { ClusterStatus } from '../../../../client/src/index.js';
import type { Look } from '../../api/use-cluster.js';
import { useWidth } from '../../parts/use-width.js';
import { layoutOf, type Place, type Way } from '../../state/layout.js';
import { memberOf } from '../../state/status.js';
import { count } from '../../state/text.js';
import {
  faceOf,
  type Link,
  linksOf,
  type Places,
  pictureText,
  placesOf,
  rateOf,
} from '../../state/topology.js';
import { NodeCard } from './node-card.js';

interface TopologyProps {
  readonly look: Look;
  readonly before: Look | null;
  readonly self: string;
}

/** As long as its transition (`--slow` in the style sheet). */
const CROWN_FLIES_MS = 900;

/** A crown, 26 by 18. */
const CROWN = 'M1 4l6.5 5L13 1l5.5 8L25 4l-2.5 13h-19Z';

/** The cluster as a picture. The table below says the same, and more, in words. */
export function Topology({ look, before, self }: TopologyProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const { status, atMs } = look;
  const { places, crowned } = usePlaces(status);
  const layout = layoutOf(width, places.length);
  const links = new Map(linksOf(status, before?.status ?? null).map((link) => [link.to, link]));
  const rate = rateOf(status, before, atMs);
  // A picture of another size is another picture: nothing flies across it.
  const drawnWidth = useRef(width);
  const still = drawnWidth.current !== width;
  drawnWidth.current = width;
  return (
    <div ref={frame} class="topology">
      {width > 0 && (
        <svg
          width={width}
          height={layout.height}
          viewBox={`0 0 ${width} ${layout.height}`}
          role="img"
          aria-label={pictureText(status)}
          class={`${still ? 'still' : ''} ${crowned === places[0] ? '' : 'moving'}`}
        >
          {layout.ways.map((way, at) => (
            <LinkLine key={at} way={way} link={links.get(places[at + 1] ?? '')} />
          ))}
          {places.map((name, at) => {
            const member = memberOf(status, name);
            const place = layout.places[at];
            if (member === null || place === undefined) return null;
            return (
              <NodeCard
                key={name}
                face={faceOf(member, self, atMs)}
                place={place}
                rate={name === status.primary && rate !== null ? `${count(Math.round(rate))}/s` : ''}
              />
            );
          })}
          <Crown over={layout.places[places.indexOf(crowned)]} leads={status.primary !== null} />
        </svg>
      )}
    </div>
  );
}

/**
 * A new primary is told in two steps, so that the eyes can follow: the crown flies to it, then it changes places with the one
 * before. `crowned`: who has the crown, or had it last.
 */
function usePlaces(status: ClusterStatus): { places: Places; crowned: string } {
  const [places, setPlaces] = useState<Places>(() => placesOf([], status));
  const wanted = placesOf(places, status);
  const changesLead = places.length > 0 && wanted[0] !== places[0] && wanted.length === places.length;
  const key = wanted.join('\n');
  useEffect(() => {
    if (key === places.join('\n')) return;
    const timer = setTimeout(() => setPlaces(key.split('\n')), changesLead ? CROWN_FLIES_MS : 0);
    return () => clearTimeout(timer);
  }, [key, places, changesLead]);
  return { places, crowned: wanted[0] ?? '' };
}

/** On the primary; above the last one, and empty, while nobody leads. */
function Crown({ over, leads }: { over: Place | undefined; leads: boolean }) {
  if (over === undefined) return null;
  const x = over.x + over.width / 2 - 13;
  const y = over.y - (leads ? 17 : 27);
  return (
    <g class={`crown ${leads ? 'leads' : 'lost'}`} style={{ transform: `translate(${x}px, ${y}px)` }}>
      <path d={CROWN} />
    </g>
  );
}

function LinkLine({ way, link }: { way: Way; link: Link | undefined }) {
  if (link === undefined) return null;
  const { path, label } = way;
  return (
    <g class={`link ${link.kind} ${link.tone}`}>
      <path d={path} class="base" />
      <path d={path} class="flow" />
      <text x={label.x} y={label.y} text-anchor={label.anchor}>
        <tspan class="lag">{link.lag}</tspan>
        {link.behind !== '' && (
          <tspan class="behind">
            {' '}
            {link.lag === '' ? '' : '· '}
            {link.behind}
          </tspan>
        )}
      </text>
    </g>
  );
}

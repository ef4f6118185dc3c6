/** Where the picture's cards, links and labels are, in pixels, for a width and a number of members. Pure. */

export const CARD = { width: 228, height: 106 } as const;

const GAP_X = 40;
/** Room for a link and its label. */
const GAP_Y = 74;
/** Above the primary, for its crown. */
const TOP = 30;
const BOTTOM = 6;
/** In a narrow picture: the cards of the replicas stand to the right of the line that goes down from the primary. */
const INDENT = 34;
const NARROW_GAP_Y = 40;
/** Below this width there is room for one card beside another one no more. */
const NARROW_MAX = 2 * CARD.width + GAP_X;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Place extends Point {
  readonly width: number;
}

export interface Way {
  /** Of an SVG path. */
  readonly path: string;
  readonly label: Point & { readonly anchor: 'middle' | 'start' };
}

export interface Layout {
  readonly height: number;
  /** The first is the primary's. */
  readonly places: readonly Place[];
  /** To each place but the first. */
  readonly ways: readonly Way[];
}

export function layoutOf(width: number, members: number): Layout {
  return width < NARROW_MAX ? narrow(width, members) : wide(width, members);
}

function wide(width: number, members: number): Layout {
  const others = Math.max(0, members - 1);
  const columns = Math.max(1, Math.min(others, Math.floor((width + GAP_X) / (CARD.width + GAP_X))));
  const rows = Math.ceil(others / columns);
  const first: Place = { x: (width - CARD.width) / 2, y: TOP, width: CARD.width };
  const from: Point = { x: width / 2, y: TOP + CARD.height };
  const places = Array.from({ length: others }, (_, at): Place => {
    const row = Math.floor(at / columns);
    const inRow = row === rows - 1 ? others - row * columns : columns;
    const rowWidth = inRow * CARD.width + (inRow - 1) * GAP_X;
    return {
      x: (width - rowWidth) / 2 + (at % columns) * (CARD.width + GAP_X),
      y: TOP + (row + 1) * (CARD.height + GAP_Y),
      width: CARD.width,
    };
  });
  const ways = places.map(({ x, y }): Way => {
    const to = { x: x + CARD.width / 2, y };
    const bend = GAP_Y * 0.55;
    return {
      path: `M${from.x} ${from.y}C${from.x} ${from.y + bend} ${to.x} ${to.y - GAP_Y} ${to.x} ${to.y}`,
      label: { x: to.x + 10, y: to.y - 12, anchor: 'start' },
    };
  });
  const height = TOP + CARD.height + rows * (CARD.height + GAP_Y) + BOTTOM;
  return { height, places: members === 0 ? [] : [first, ...places], ways };
}

function narrow(width: number, members: number): Layout {
  const others = Math.max(0, members - 1);
  const first: Place = { x: 0, y: TOP, width };
  const trunk = INDENT / 2;
  const places = Array.from(
    { length: others },
    (_, at): Place => ({
      x: INDENT,
      y: TOP + (at + 1) * (CARD.height + NARROW_GAP_Y),
      width: width - INDENT,
    }),
  );
  const ways = places.map(({ x, y }): Way => {
    const middle = y + CARD.height / 2;
    return {
      path: `M${trunk} ${TOP + CARD.height}V${middle - 10}q0 10 10 10H${x}`,
      label: { x: x + 2, y: y - 12, anchor: 'start' },
    };
  });
  const height = TOP + CARD.height + others * (CARD.height + NARROW_GAP_Y) + BOTTOM;
  return { height, places: members === 0 ? [] : [first, ...places], ways };
}

import { textTable } from '../../src/cli/text-table.js';
import { type Spread, spreadOf } from '../throughput/statistics.js';
import { worstOf } from './lateness.js';
import { LOAD_NAMES, LOADS, type LoadName } from './loads.js';

/** `idle`: commits alone. `elsewhere`: the load is at a node that no commit waits for. */
export type Place = 'idle' | 'primary' | 'elsewhere';
export const LOADED = ['primary', 'elsewhere'] as const satisfies readonly Place[];
export const PLACES = ['idle', ...LOADED] as const satisfies readonly Place[];

/** One measuring of some seconds. */
export interface Turn {
  readonly build: string;
  readonly load: LoadName;
  readonly place: Place;
  readonly round: number;
  /** Of commits, milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly commitsPerSecond: number;
  /** See TapFigures. */
  readonly toReplicaMs: readonly number[];
  readonly toPrimaryMs: readonly number[];
  readonly ownDelayMs: number;
  readonly isUrgent: boolean;
  /** Of the load. */
  readonly requestsPerSecond: number;
  /** CPU, in cores: of the primary's node, of the node elsewhere, of all nodes, servers and the load's client. */
  readonly primaryCores: number;
  readonly elsewhereCores: number;
  readonly allCores: number;
  /** Share of the machine that went to others. */
  readonly othersShare: number;
}

const right = (name: string) => ({ name, align: 'right' as const });
const WHERE = [{ name: 'load' }, { name: 'at' }];
const COMMIT_COLUMNS = ['p50 ms', 'to idle', 'p99 ms', 'to idle', 'commits/s'].map(right);
const NODE_COLUMNS = [
  'late at replica, ms',
  'lies at primary, ms',
  'beats',
  "primary's node",
  'node elsewhere',
  'all',
  'requests/s',
  'others',
].map(right);

interface Rows {
  readonly label: string;
  readonly place: Place;
  readonly turns: readonly Turn[];
}

function rowsOf(turns: readonly Turn[], build: string): Rows[] {
  const mine = turns.filter((turn) => turn.build === build);
  const idle: Rows = { label: 'none', place: 'idle', turns: mine.filter(({ place }) => place === 'idle') };
  const loaded = LOAD_NAMES.flatMap((load) =>
    LOADED.map((place) => ({
      label: LOADS[load].label,
      place,
      turns: mine.filter((turn) => turn.load === load && turn.place === place),
    })),
  );
  return [idle, ...loaded].filter((row) => row.turns.length > 0);
}

const median = (turns: readonly Turn[], pick: (turn: Turn) => number) =>
  spreadOf(turns.map(pick))?.median ?? Number.NaN;

/** Medians of the rounds. Ratios are within the rounds, to the idle turn before: median with least and most. */
export function commitTable(turns: readonly Turn[], build: string): string[] {
  return textTable(
    [...WHERE, ...COMMIT_COLUMNS],
    rowsOf(turns, build).map(({ label, place, turns: some }) => {
      const toIdle = (pick: (turn: Turn) => number) =>
        place === 'idle' ? '' : spreadText(ratioOf(some, turns, 'idle', pick));
      return [
        label,
        place,
        median(some, ({ p50 }) => p50).toFixed(2),
        toIdle(({ p50 }) => p50),
        median(some, ({ p99 }) => p99).toFixed(1),
        toIdle(({ p99 }) => p99),
        median(some, ({ commitsPerSecond }) => commitsPerSecond).toFixed(0),
      ];
    }),
  );
}

/** p99 and most of the heartbeats of all rounds together; CPU in cores, medians of the rounds. */
export function nodeTable(turns: readonly Turn[], build: string): string[] {
  return textTable(
    [...WHERE, ...NODE_COLUMNS],
    rowsOf(turns, build).map(({ label, place, turns: some }) => {
      const beats = some.flatMap(({ toReplicaMs }) => toReplicaMs);
      return [
        label,
        place,
        worstText(beats),
        worstText(some.flatMap(({ toPrimaryMs }) => toPrimaryMs)),
        String(beats.length),
        median(some, ({ primaryCores }) => primaryCores).toFixed(2),
        median(some, ({ elsewhereCores }) => elsewhereCores).toFixed(2),
        median(some, ({ allCores }) => allCores).toFixed(2),
        place === 'idle' ? '' : median(some, ({ requestsPerSecond }) => requestsPerSecond).toFixed(1),
        `${(100 * median(some, ({ othersShare }) => othersShare)).toFixed(0)} %`,
      ];
    }),
  );
}

/** Of each of `some` to the turn of the same build, load and round at another place. */
export function ratioOf(
  some: readonly Turn[],
  all: readonly Turn[],
  place: Place,
  pick: (turn: Turn) => number,
): Spread | null {
  return spreadOf(
    some.flatMap((turn) => {
      const other = all.find((one) => isPair(turn, one) && one.build === turn.build && one.place === place);
      return other === undefined ? [] : [pick(turn) / pick(other)];
    }),
  );
}

const isPair = (one: Turn, other: Turn) => one.load === other.load && one.round === other.round;

/** What a load costs at the primary beyond what the same load costs at another node: not the cores, but the node itself. */
export function beyondCpu(turns: readonly Turn[], build: string): string[] {
  const rows = LOAD_NAMES.flatMap((load) => {
    const some = turns.filter((t) => t.build === build && t.load === load && t.place === 'primary');
    const p50 = ratioOf(some, turns, 'elsewhere', (turn) => turn.p50);
    const p99 = ratioOf(some, turns, 'elsewhere', (turn) => turn.p99);
    return p50 === null || p99 === null ? [] : [{ load, p50, p99 }];
  });
  rows.sort((a, b) => b.p99.median - a.p99.median);
  return textTable(
    [{ name: 'load' }, right('p50'), right('p99')],
    rows.map(({ load, p50, p99 }) => [LOADS[load].label, spreadText(p50), spreadText(p99)]),
  );
}

/** Of one build to another, load by load at the primary, within the rounds. */
export function compared(turns: readonly Turn[], one: string, other: string): string[] {
  const ratio = (load: LoadName, place: Place, pick: (turn: Turn) => number) =>
    spreadOf(
      turns
        .filter((turn) => turn.build === one && turn.load === load && turn.place === place)
        .flatMap((turn) => {
          const pair = turns.find((t) => isPair(turn, t) && t.build === other && t.place === place);
          return pair === undefined ? [] : [pick(turn) / pick(pair)];
        }),
    );
  const loads = LOAD_NAMES.filter((load) => turns.some((turn) => turn.load === load));
  return textTable(
    [{ name: 'load' }, ...['p50 idle', 'p99 idle', 'p50', 'p99', 'requests/s'].map(right)],
    loads.map((load) => [
      LOADS[load].label,
      spreadText(ratio(load, 'idle', ({ p50 }) => p50)),
      spreadText(ratio(load, 'idle', ({ p99 }) => p99)),
      spreadText(ratio(load, 'primary', ({ p50 }) => p50)),
      spreadText(ratio(load, 'primary', ({ p99 }) => p99)),
      spreadText(ratio(load, 'primary', ({ requestsPerSecond }) => requestsPerSecond)),
    ]),
  );
}

/** Both builds in one table: medians of the rounds, and the latest heartbeat of all rounds. */
export function beforeAndAfter(turns: readonly Turn[], before: string, after: string): string[] {
  const both = (text: (some: readonly Turn[], build: string) => string) => (row: Rows, then: Rows) =>
    `${text(then.turns, before)} -> ${text(row.turns, after)}`;
  const most = (pick: (turn: Turn) => readonly number[]) =>
    both((some) => worstOf(some.flatMap(pick))?.max.toFixed(0) ?? '-');
  const cells = [
    both((some) => median(some, ({ p50 }) => p50).toFixed(2)),
    both((some) => median(some, ({ p99 }) => p99).toFixed(1)),
    both((some) => ratioOf(some, turns, 'idle', ({ p99 }) => p99)?.median.toFixed(2) ?? '-'),
    most(({ toReplicaMs }) => toReplicaMs),
    most(({ toPrimaryMs }) => toPrimaryMs),
  ];
  const old = rowsOf(turns, before);
  return textTable(
    [
      ...WHERE,
      ...['commit p50, ms', 'commit p99, ms', 'p99 to idle', 'heartbeat late, ms', 'lies, ms'].map(right),
    ],
    rowsOf(turns, after).flatMap((row) => {
      const then = old.find(({ label, place }) => label === row.label && place === row.place);
      return then ? [[row.label, row.place, ...cells.map((cell) => cell(row, then))]] : [];
    }),
  );
}

function worstText(values: readonly number[]): string {
  const worst = worstOf(values);
  return worst === null ? '-' : `p99 ${worst.p99.toFixed(0)}, most ${worst.max.toFixed(0)}`;
}

function spreadText(spread: Spread | null): string {
  if (spread === null) return '-';
  if (spread.count === 1) return spread.median.toFixed(2);
  return `${spread.median.toFixed(2)} (${spread.least.toFixed(2)}-${spread.most.toFixed(2)})`;
}

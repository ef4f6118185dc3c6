import type { History } from '../../../client/src/index.js';

/** What the charts show of the last minutes, from the answers to GET /v1/history. Pure. */

type Values = readonly (number | null)[];
type SeriesName = keyof History['members'][number]['series'];

/** The newest seconds of all members; each series has one value for each second. */
export interface KeptHistory {
  /** Unix time of the last value, in whole seconds. */
  readonly end: number;
  readonly seconds: number;
  readonly members: readonly { readonly name: string; readonly series: Readonly<Record<string, Values>> }[];
}

export interface ChartLine {
  readonly name: string;
  readonly values: Values;
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly ChartLine[];
}

/** How far back the next question has to go: answers overlap a little, so that no second is left out. */
export function secondsToAsk(
  kept: KeptHistory | null,
  { seconds, nowS }: { seconds: number; nowS: number },
): number {
  if (kept === null || kept.seconds !== seconds) return seconds;
  return Math.min(seconds, Math.max(1, Math.ceil(nowS) - kept.end + 5));
}

/** Appends what is new. An answer that does not touch what is kept replaces it. */
export function mergeHistory(kept: KeptHistory | null, fresh: History, seconds: number): KeptHistory | null {
  if (fresh.endsAt === null) return kept;
  const end = Math.round(Date.parse(fresh.endsAt) / 1000);
  const length = fresh.members[0]?.series.committed.length ?? 0;
  const old =
    kept !== null && kept.seconds === seconds && end >= kept.end && end - length <= kept.end ? kept : null;
  const members = fresh.members.map(({ name, series }) => {
    const before = old?.members.find((member) => member.name === name)?.series;
    const names = Object.keys(series) as SeriesName[];
    const merged = names.map((each) => [
      each,
      joined(before?.[each], series[each], { seconds, shift: end - (old?.end ?? 0) }),
    ]);
    return { name, series: Object.fromEntries(merged) as Record<string, Values> };
  });
  // A member has the same colour on the pages of all nodes.
  members.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return { end, seconds, members };
}

function joined(
  before: Values | undefined,
  fresh: Values,
  { seconds, shift }: { seconds: number; shift: number },
): Values {
  const newest = fresh.slice(-seconds);
  const older = before?.slice(shift) ?? [];
  const kept = older.slice(0, Math.max(0, older.length + shift - newest.length));
  const all = [...kept, ...newest].slice(-seconds);
  return [...new Array<null>(seconds - all.length).fill(null), ...all];
}

/** Unix times of the values. */
export function timesOf({ end, seconds }: KeptHistory): number[] {
  return Array.from({ length: seconds }, (_, at) => end - seconds + 1 + at);
}

export function chartsOf(kept: KeptHistory, primary: string | null): Chart[] {
  const lines = (series: SeriesName, scale = 1, isShown: (name: string) => boolean = () => true) =>
    kept.members
      .filter(({ name }) => isShown(name))
      .map(({ name, series: all }) => ({
        name,
        values: (all[series] ?? []).map((value) => (value === null ? null : value / scale)),
      }));
  return [
    {
      ...{ id: 'throughput', title: 'Transactions', unit: '/s' },
      lines: [{ name: 'committed', values: rateOf(highest(kept, 'committed')) }],
    },
    {
      ...{ id: 'lag', title: 'Lag of the replicas', unit: 'ms' },
      lines: lines('lagMs', 1, (name) => name !== primary),
    },
    {
      ...{ id: 'commit-wait', title: 'Commits wait for their quorum', unit: 'ms' },
      lines: [{ name: 'average', values: highest(kept, 'commitWaitMs') }],
    },
    { ...{ id: 'cpu', title: 'CPU, node and server', unit: '%' }, lines: lines('cpuPercent') },
    { ...{ id: 'spool', title: 'Spool', unit: 'MiB' }, lines: lines('spoolBytes', 2 ** 20) },
  ];
}

/** Of all members at each second: whoever was the primary then has the highest. */
function highest({ members, seconds }: KeptHistory, series: SeriesName): Values {
  return Array.from({ length: seconds }, (_, at) => {
    const values = members.flatMap((member) => member.series[series]?.[at] ?? []);
    return values.length === 0 ? null : Math.max(...values);
  });
}

/** Rise for each second. Over a gap it is the average; a fall, as after a restore, is no rate. */
function rateOf(ordinals: Values): Values {
  let last: { at: number; value: number } | null = null;
  return ordinals.map((value, at) => {
    if (value === null) return null;
    const before = last;
    last = { at, value };
    if (before === null || value < before.value) return null;
    return (value - before.value) / (at - before.at);
  });
}

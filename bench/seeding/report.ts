import { machineText, type thisMachine } from '../throughput/results.js';
import { spreadOf } from '../throughput/statistics.js';
import { range, type Table } from '../throughput/table.js';
import type { JoinFigures } from './join.js';
import type { PlainFigures } from './plain-copy.js';
import type { LoadWindow } from './write-load.js';

/** One copy of the donor, under load. */
export interface Measured<T> {
  /** The load alone, right before. */
  readonly before: LoadWindow;
  readonly meanwhile: LoadWindow;
  /** Share of the machine that programs had which do not belong to the bench. */
  readonly othersShare: number;
  readonly figures: T;
}

export interface Round {
  readonly skein: Measured<JoinFigures>;
  readonly plain: Measured<PlainFigures>;
}

export interface About {
  readonly machine: ReturnType<typeof thisMachine>;
  readonly server: string;
  readonly startedAt: string;
  readonly clients: number;
  /** Transactions a second that they start; null = as many as they can. */
  readonly pace: { readonly perSecond: number; readonly share: number } | null;
  readonly dataBytes: number;
}

/** Issue 14: a node that joins may take so many times as long as plain programs; the primary goes on so well meanwhile. */
const GOALS = { timesAsLong: 1.15, throughput: 0.7 };

type Copied = Pick<PlainFigures, 'bytes' | 'transferMs' | 'prepareMs' | 'syncMs'>;

const copiedMs = ({ transferMs, prepareMs }: Copied) => transferMs + prepareMs;
const durableMs = (copied: Copied) => copiedMs(copied) + copied.syncMs;
const share = ({ before, meanwhile }: Measured<unknown>) => meanwhile.perSecond / before.perSecond;

export function aboutText(
  { machine, server, startedAt, clients, pace, dataBytes }: About,
  rounds: readonly Round[],
) {
  const each = rounds.flatMap(({ skein, plain }) => [skein.othersShare * 100, plain.othersShare * 100]);
  return [
    `${startedAt.slice(0, 16).replace('T', ' ')} UTC; ${machineText(machine)}; MariaDB ${server}, Node.js ${process.versions.node}.`,
    `${(dataBytes / 1e9).toFixed(1)} GB in the donor's data directory. ${clients} clients write ${paceText(pace)}. A primary and two replicas share the machine with them and the new node; its joining begins with an empty directory.`,
    'Both ways copy a replica over one TCP connection on loopback. "Plain" is mariadb-backup --stream=mbstream, mbstream -x and --prepare, nothing else, and its last row the same fsync of all files that a node waits for.',
    `Other programs had ${range(spreadOf(each), 0)} % of the machine.`,
  ].join('\n');
}

function paceText(pace: About['pace']): string {
  if (pace === null) return 'without a pause, which takes all that the machine has';
  return `${pace.perSecond.toFixed(0)} transactions a second, ${pace.share} of what they reach without a pause`;
}

export function copyTable(rounds: readonly Round[]): Table {
  const row = (name: string, pick: (one: Copied) => number, digits = 1) => {
    const skein = rounds.map((round) => pick(round.skein.figures));
    const plain = rounds.map((round) => pick(round.plain.figures));
    const ratios = skein.map((value, at) => value / (plain[at] ?? Number.NaN));
    return [name, range(spreadOf(skein), digits), range(spreadOf(plain), digits), range(spreadOf(ratios), 2)];
  };
  const seconds = (pick: (one: Copied) => number) => (one: Copied) => pick(one) / 1000;
  return {
    title: 'The copy',
    head: ['', 'Skein', 'plain', 'ratio'],
    rows: [
      row('transferred, MB', ({ bytes }) => bytes / 1e6, 0),
      row(
        'transfer, s',
        seconds(({ transferMs }) => transferMs),
      ),
      row('transfer, MB/s', ({ bytes, transferMs }) => bytes / transferMs / 1000, 0),
      row(
        'prepare, s',
        seconds(({ prepareMs }) => prepareMs),
      ),
      row('transfer and prepare, s', seconds(copiedMs)),
      row(
        'everything on the disk (fsync), s',
        seconds(({ syncMs }) => syncMs),
      ),
      row('transfer, prepare and fsync, s', seconds(durableMs)),
    ],
  };
}

/** From the start of the process to a healthy replica. */
export function joinTable(rounds: readonly Round[]): Table {
  const joins = rounds.map(({ skein }) => skein.figures);
  const names = [...new Set(joins.flatMap(({ phases }) => phases.map(({ name }) => name)))];
  const seconds = (values: readonly number[]) => range(spreadOf(values.map((ms) => ms / 1000)), 1);
  const of = (join: JoinFigures, name: string) => join.phases.find((phase) => phase.name === name)?.ms ?? 0;
  return {
    title: `From nothing to a healthy replica (donor ${[...new Set(joins.map(({ donor }) => donor))].join(', ')})`,
    head: [...names, 'healthy after s'],
    rows: [
      [
        ...names.map((name) => seconds(joins.map((join) => of(join, name)))),
        seconds(joins.map(({ healthyMs }) => healthyMs)),
      ],
    ],
  };
}

export function primaryTable(rounds: readonly Round[]): Table {
  const row = (name: string, all: readonly Measured<unknown>[]) => [
    name,
    range(spreadOf(all.map(({ before }) => before.perSecond)), 0),
    range(spreadOf(all.map(({ meanwhile }) => meanwhile.perSecond)), 0),
    range(spreadOf(all.map(share)), 2),
    range(spreadOf(all.map(({ before }) => before.meanMs)), 1),
    range(spreadOf(all.map(({ meanwhile }) => meanwhile.meanMs)), 1),
    range(spreadOf(all.map(({ before }) => before.longestMs)), 0),
    range(spreadOf(all.map(({ meanwhile }) => meanwhile.longestMs)), 0),
  ];
  return {
    title: 'The primary meanwhile',
    head: [
      ...['', 'before, trx/s', 'meanwhile, trx/s', 'ratio', 'mean before, ms', 'mean meanwhile, ms'],
      ...['longest before, ms', 'longest meanwhile, ms'],
    ],
    rows: [
      row(
        'a node joins',
        rounds.map(({ skein }) => skein),
      ),
      row(
        'plain programs',
        rounds.map(({ plain }) => plain),
      ),
    ],
  };
}

export function goalTable(rounds: readonly Round[]): Table {
  const ratios = (skein: (one: JoinFigures) => number, plain: (one: PlainFigures) => number) =>
    spreadOf(rounds.map((round) => skein(round.skein.figures) / plain(round.plain.figures)));
  const time = (text: string, found: ReturnType<typeof spreadOf>) => [
    text,
    `at most ${GOALS.timesAsLong}`,
    range(found, 2),
    verdict((found?.median ?? Number.NaN) <= GOALS.timesAsLong),
  ];
  const throughput = spreadOf(rounds.map(({ skein }) => share(skein)));
  return {
    title: 'Goals',
    head: ['figure', 'goal', 'found', ''],
    rows: [
      time('transfer and prepare / plain', ratios(copiedMs, copiedMs)),
      time('transfer, prepare and fsync / plain with the same fsync', ratios(durableMs, durableMs)),
      time(
        'the whole join, to a healthy replica / plain transfer, prepare and fsync',
        ratios(({ healthyMs }) => healthyMs, durableMs),
      ),
      [
        "the primary's throughput while a node joins / before",
        `at least ${GOALS.throughput}`,
        range(throughput, 2),
        verdict((throughput?.median ?? Number.NaN) >= GOALS.throughput),
      ],
      ['checksums of all tables on all four nodes', 'equal', 'equal', verdict(true)],
    ],
  };
}

const verdict = (reached: boolean) => (reached ? 'reached' : 'NOT reached');

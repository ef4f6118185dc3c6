import {
  appliedPerSecond,
  appliedRatio,
  type Case,
  cpuEach,
  cpuOfBusiestNode,
  Figures,
  peakOfNodes,
  throughputRatio,
} from './figures.js';
import { goals } from './goals.js';
import { MODES, type Mode } from './modes.js';
import { machineText, occasionsOf, type Results } from './results.js';
import { type Spread, spreadOf } from './statistics.js';
import { asMarkdown, asText, range, type Table } from './table.js';

/** Everything that a person wants to read of a run, as plain text or as Markdown. */
export function reportOf(results: Results, form: 'text' | 'markdown'): string {
  const figures = new Figures(results);
  const tables = [
    ...figures.cases().map((one) => caseTable(figures, one)),
    drainTable(figures),
    goalTable(figures),
  ].filter(({ rows }) => rows.length > 0);
  const write = form === 'text' ? asText : asMarkdown;
  return `${[about(results), ...tables.map(write)].join('\n\n')}\n`;
}

function about(results: Results): string {
  const { machine, versions, runs } = results;
  const occasions = occasionsOf(results).map((at) => at.slice(0, 16).replace('T', ' '));
  const others = spreadOf(runs.map((run) => run.othersShare * 100));
  return [
    `From ${occasions.join(', ')} UTC; ${machineText(machine)}.`,
    `MariaDB ${versions.server}, Node.js ${versions.node}, sysbench ${versions.sysbench}; sync_binlog=1 and innodb_flush_log_at_trx_commit=1 everywhere. Durable replicas have sync_relay_log=1: as with Skein's majority, what is acknowledged is on a replica's disk. Without it, native semi-sync acknowledges what a replica has in memory.`,
    'All servers are started alike. Skein lets the commits of its replicas gather while many come (binlog_commit_wait_count and _usec, 5 ms at most); native replicas do not, unless the mode says so.',
    `Medians with least and most of all rounds; ratios are taken within a round. "Applied everywhere" counts the seconds until the last replica has applied the last one. Checksums of all servers were equal after each run. Other programs had ${others === null ? '?' : range(others, 0)} % of the machine meanwhile.`,
  ].join('\n');
}

/** What each mode is measured against. */
function baseOf(mode: Mode): string | null {
  if (mode.id === 'plain') return null;
  if (mode.kind === 'native') return 'plain';
  const suffix = mode.replicas === 1 ? '-1' : '';
  return `native-${mode.acknowledge === 'async' ? 'async' : 'semisync'}${suffix}`;
}

function caseTable(figures: Figures, one: Case): Table {
  const present = MODES.filter(({ id }) => figures.runs(id, one.workload, one.clients).length > 0);
  return {
    title: `${one.workload}, ${one.clients} client${one.clients === 1 ? '' : 's'}`,
    head: [
      'mode',
      'transactions/s',
      'to native',
      'to one server',
      'applied everywhere/s',
      'to native',
      'p50 ms',
      'p95',
      'p99',
      'not received',
      'not applied',
      'lag ms',
      'CPU us/trx',
      'busiest node',
      'node MiB',
    ],
    rows: present.map((mode) => {
      const spread = (pick: Parameters<Figures['spread']>[2]) => figures.spread(mode.id, one, pick);
      const base = baseOf(mode);
      const isSkein = mode.kind === 'skein';
      return [
        mode.label,
        range(
          spread((run) => run.perSecond),
          0,
        ),
        isSkein && base !== null ? range(figures.paired(mode.id, base, one, throughputRatio), 2) : '',
        mode.id === 'plain' ? '' : range(figures.paired(mode.id, 'plain', one, throughputRatio), 2),
        mode.replicas === 0 ? '' : range(spread(appliedPerSecond), 0),
        isSkein && base !== null ? range(figures.paired(mode.id, base, one, appliedRatio), 2) : '',
        middle(
          spread((run) => run.latencyMs.p50),
          2,
        ),
        middle(
          spread((run) => run.latencyMs.p95),
          2,
        ),
        middle(
          spread((run) => run.latencyMs.p99),
          2,
        ),
        mode.replicas === 0
          ? ''
          : middle(
              spread((run) => run.backlog.received),
              0,
            ),
        mode.replicas === 0
          ? ''
          : middle(
              spread((run) => run.backlog.applied),
              0,
            ),
        mode.replicas === 0
          ? ''
          : middle(
              spread((run) => run.lagMs),
              0,
            ),
        range(
          spread((run) => cpuEach(run)),
          0,
        ),
        isSkein ? range(spread(cpuOfBusiestNode), 0) : '',
        isSkein
          ? middle(
              spread((run) => peakOfNodes(run.peakBytes) / 2 ** 20),
              0,
            )
          : '',
      ];
    }),
  };
}

function drainTable(figures: Figures): Table {
  const present = MODES.filter(({ id }) => figures.drains(id).length > 0);
  const rows = present.flatMap(({ id }) => figures.drains(id))[0]?.rows ?? 0;
  return {
    title: `A backlog of ${rows.toLocaleString('en')} changed rows, written while both replicas were down`,
    head: ['mode', 'first applied after s', 'all received s', 'all applied s', 'transactions/s', 'to native'],
    rows: present.map(({ id, label }) => {
      const drains = figures.drains(id);
      const seconds = (pick: (drain: (typeof drains)[number]) => number) =>
        range(spreadOf(drains.map((drain) => pick(drain) / 1000)), 1);
      const rate = (drain: (typeof drains)[number]) => (drain.transactions * 1000) / drain.applyingMs;
      return [
        label,
        seconds((drain) => drain.firstAppliedMs),
        seconds((drain) => drain.receivedMs),
        seconds((drain) => drain.appliedMs),
        range(spreadOf(drains.map(rate)), 0),
        id === 'native-async'
          ? ''
          : range(
              figures.pairedDrains(id, 'native-async', (one, other) => rate(one) / rate(other)),
              2,
            ),
      ];
    }),
  };
}

function goalTable(figures: Figures): Table {
  return {
    title: 'Goals',
    head: ['figure', 'where', 'goal', 'found', ''],
    rows: goals(figures)
      .filter(({ found }) => found !== null)
      .map(({ text, where, wanted, found, digits, reached }) => [
        text,
        where,
        wanted,
        range(found, digits),
        reached ? 'reached' : 'NOT reached',
      ]),
  };
}

const middle = (spread: Spread | null, digits: number) =>
  spread === null ? '-' : spread.median.toFixed(digits);

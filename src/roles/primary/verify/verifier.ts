import type { EventLog } from '../../../events/event-log.js';
import type { ReplicaSession } from '../../../link/listener-session.js';
import { messageOf, SkeinError } from '../../../model/error.js';
import type { RoundReport, TableReport, VerifyDocument } from '../../../model/verify.js';
import { monotonicMs } from '../../../std/clock.js';
import type { Logger } from '../../../std/logger.js';
import { sleep } from '../../../std/timing.js';
import type { VerifyFacts } from '../../metrics.js';
import { type KeptReports, NO_REPORTS, type ReportFile, ReportSaver } from './report-file.js';
import { Round, type RoundModules, type RoundOptions } from './round.js';
import type { SnapshotSetModules } from './snapshot-set.js';

export interface VerifierOptions {
  readonly node: string;
  /** Hours between two automatic rounds over all tables; 0 = no automatic rounds. */
  readonly intervalHours: number;
}

export interface VerifierModules extends SnapshotSetModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly file: ReportFile;
  /** The attached replicas. */
  attached(): readonly ReplicaSession[];
  /** Names of all replicas of the cluster. */
  expected(): readonly string[];
  /** Whether the replica applies transactions and has a small lag. */
  isCaughtUp(node: string): boolean;
  /** The differences in the status may have changed. */
  changed(): void;
}

const HOUR_MS = 3_600_000;
/**
 * The first automatic round begins at the earliest this time after the primary opened, because a new primary has other
 * work.
 */
const FIRST_AFTER_MS = 10 * 60_000;
const LOOK_MAX_MS = 60_000;

/** Runs rounds of comparison while the primary is open, one at a time, and keeps the last result of each table. */
export class Verifier {
  readonly #options: VerifierOptions;
  readonly #modules: VerifierModules;
  #kept: KeptReports = NO_REPORTS;
  #tables = new Map<string, TableReport>();
  #round: Round | null = null;
  #scope: AbortController | null = null;
  #openedAtMs = 0;
  readonly #saver: ReportSaver;
  readonly #total = { rounds: 0, chunks: 0, rows: 0 };

  constructor(options: VerifierOptions, modules: VerifierModules) {
    this.#options = options;
    this.#modules = modules;
    this.#saver = new ReportSaver((reports) => modules.file.save(reports), { nowMs: monotonicMs });
  }

  /** The primary is open. */
  opened(): void {
    if (this.#scope !== null) return;
    const scope = new AbortController();
    this.#scope = scope;
    this.#openedAtMs = monotonicMs();
    this.#keepRunning(scope.signal).catch((error: unknown) => {
      if (!scope.signal.aborted)
        this.#modules.logger.error({ reason: messageOf(error) }, 'the automatic comparison of rows ended');
    });
  }

  closed(): void {
    this.#scope?.abort(new SkeinError('VERIFY_ENDED', 'The primary is closed.'));
    this.#scope = null;
  }

  get facts(): VerifyFacts {
    const tables = new Map<TableReport['verdict'], number>();
    for (const { verdict } of this.#tables.values()) tables.set(verdict, (tables.get(verdict) ?? 0) + 1);
    const { lastCompleteAt } = this.#kept;
    return {
      ...this.#total,
      isRunning: this.#round !== null,
      lastCompleteAtMs: lastCompleteAt === null ? null : Date.parse(lastCompleteAt),
      tables,
    };
  }

  get document(): VerifyDocument {
    return {
      running: this.#round?.report ?? null,
      last: this.#kept.last,
      lastCompleteAt: this.#kept.lastCompleteAt,
      tables: [...this.#tables.values()].sort((a, b) => (a.table < b.table ? -1 : 1)),
    };
  }

  /** For each replica with unrepaired differences, a text for people. */
  differing(): ReadonlyMap<string, string> {
    const tables = new Map<string, Set<string>>();
    for (const { table, verdict, differences, reason } of this.#tables.values()) {
      if (verdict !== 'differs') continue;
      const nodes =
        differences.length > 0 ? differences.flatMap((each) => each.nodes.map(({ node }) => node)) : [];
      for (const node of nodes.length > 0
        ? nodes
        : this.#modules.expected().filter((name) => reason?.split(/[ ;]+/).includes(name)))
        tables.set(node, (tables.get(node) ?? new Set()).add(table));
    }
    return new Map(
      [...tables].map(([node, names]) => [
        node,
        `Its rows differ from the primary's in ${someOf([...names])}. \`skein verify\` lists them. \`skein verify --repair\` replaces them with the primary's rows.`,
      ]),
    );
  }

  /**
   * Begins a round. @throws SkeinError VERIFY_RUNNING, NOT_OPEN
   */
  start(options: RoundOptions): RoundReport {
    const scope = this.#scope;
    if (scope === null) throw new SkeinError('NOT_OPEN', 'The primary is not open.');
    if (this.#round) throw new SkeinError('VERIFY_RUNNING', 'A comparison is running already.');
    const modules: RoundModules = {
      ...this.#modules,
      done: (report) => this.#tableDone(report),
      gone: (table) => void this.#tables.delete(table),
      known: () => [...this.#tables.keys()],
      compared: (rows) => {
        this.#total.chunks++;
        this.#total.rows += rows;
      },
    };
    const round = new Round({ node: this.#options.node, ...options }, modules);
    this.#round = round;
    void round.run(scope.signal).then((report) => this.#roundDone(report));
    return round.report;
  }

  /** Ends the running round. Returns false when no round is running. */
  cancel(): boolean {
    this.#round?.cancel('It was cancelled.');
    return this.#round !== null;
  }

  #tableDone(report: TableReport): void {
    const { events, changed } = this.#modules;
    this.#tables.set(report.table, report);
    if (report.verdict === 'differs') {
      const nodes = [...new Set(report.differences.flatMap((each) => each.nodes.map(({ node }) => node)))];
      events.add('verify.differs', report.table, differenceText(report), {
        table: report.table,
        position: report.to,
        nodes,
        chunks: report.differences.length + report.more,
      });
    }
    changed();
    this.#saved(this.#saver.some(() => this.#reports));
  }

  #roundDone(report: RoundReport): void {
    const { events, changed } = this.#modules;
    this.#round = null;
    const isComplete = report.ended === null && report.only === null;
    if (isComplete) this.#total.rounds++;
    this.#kept = {
      ...this.#kept,
      last: report,
      lastCompleteAt: isComplete ? report.finishedAt : this.#kept.lastCompleteAt,
    };
    events.add('verify.done', this.#options.node, roundText(report), {
      tables: report.tablesDone,
      differing: report.differing.length,
      skipped: report.skipped.length,
      rows: report.rows,
      heldMsMax: Math.round(report.heldMsMax),
      ended: report.ended,
    });
    changed();
    this.#saved(this.#saver.all(() => this.#reports));
  }

  get #reports(): KeptReports {
    return { ...this.#kept, tables: [...this.#tables.values()] };
  }

  #saved(done: Promise<void>): void {
    done.catch((error: unknown) => {
      this.#modules.logger.warn({ reason: messageOf(error) }, 'the result of a comparison was not saved');
    });
  }

  async #load(): Promise<void> {
    this.#kept = await this.#modules.file.load();
    for (const report of this.#kept.tables) this.#tables.set(report.table, report);
    this.#modules.changed();
  }

  async #keepRunning(signal: AbortSignal): Promise<void> {
    if (this.#kept === NO_REPORTS) await this.#load();
    const intervalMs = this.#options.intervalHours * HOUR_MS;
    while (intervalMs > 0) {
      const dueMs = this.#dueInMs(intervalMs);
      if (dueMs > 0 || this.#round) await sleep(Math.max(100, Math.min(LOOK_MAX_MS, dueMs)), signal);
      else if (this.#modules.expected().length === 0) await sleep(LOOK_MAX_MS, signal);
      else this.start({ only: null, repair: false, background: true });
    }
  }

  /** Time until the next automatic round. After a change of the wall clock, one round may come earlier or later. */
  #dueInMs(intervalMs: number): number {
    const sinceOpenMs = monotonicMs() - this.#openedAtMs;
    const last = this.#kept.last?.finishedAt ?? null;
    if (last === null) return Math.min(intervalMs, FIRST_AFTER_MS) - sinceOpenMs;
    const agoMs = Math.max(0, Date.now() - Date.parse(last));
    return Math.max(intervalMs - agoMs, Math.min(intervalMs, FIRST_AFTER_MS) - sinceOpenMs);
  }
}

function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more tables` : shown;
}

function differenceText({ table, reason, differences, more, to }: TableReport): string {
  if (differences.length === 0) return `${table} is not the same on all nodes at ${to}: ${reason}`;
  const nodes = [...new Set(differences.flatMap((each) => each.nodes.map(({ node }) => node)))].join(', ');
  const count = differences.length + more;
  return `Rows of ${table} on ${nodes} differ from the primary's at ${to}, in ${count} range${count === 1 ? '' : 's'}: ${rangeText(differences[0])}${count > 1 ? ' and others' : ''}. \`skein verify ${table} --repair\` replaces them with the primary's rows.`;
}

function rangeText(chunk: TableReport['differences'][number] | undefined): string {
  if (!chunk || chunk.key.length === 0) return 'the whole table';
  const border = (values: readonly string[] | null, none: string) =>
    values === null ? none : `(${values.map((value) => value.slice(0, 60)).join(', ')})`;
  return `${chunk.key.join(', ')} after ${border(chunk.after, 'the beginning')} up to ${border(chunk.upTo, 'the end')}`;
}

function roundText(report: RoundReport): string {
  const { tablesDone, tables, differing, skipped, ended } = report;
  const found =
    differing.length === 0
      ? 'no difference was found'
      : `${differing.length} tables differ: ${someOf(differing)}`;
  const left = skipped.length === 0 ? '' : ` Not compared, or not on all nodes: ${someOf(skipped)}.`;
  return `${tablesDone} of ${tables} tables were compared; ${found}.${left}${ended === null ? '' : ` It ended early: ${ended}`}`;
}

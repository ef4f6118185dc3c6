import type { ReplicaSession } from '../../../link/listener-session.js';
import { messageOf, SkeinError } from '../../../model/error.js';
import type { RoundReport, TableName, TableReport, VerifyRequest } from '../../../model/verify.js';
import type { Logger } from '../../../std/logger.js';
import { sleep } from '../../../std/timing.js';
import { tableText } from '../../../verify/snapshot.js';
import { type Difference, TableComparison, type TableOutcome } from './compare-table.js';
import { repairRange } from './repair-range.js';
import { SnapshotSet, type SnapshotSetModules } from './snapshot-set.js';

export interface RoundOptions extends VerifyRequest {
  /** The interval began this round. It is slower, and may take hours. */
  readonly background: boolean;
}

export interface RoundModules extends SnapshotSetModules {
  readonly logger: Logger;
  attached(): readonly ReplicaSession[];
  expected(): readonly string[];
  isCaughtUp(node: string): boolean;
  done(report: TableReport): void;
  /** No node has the table any more. */
  gone(table: string): void;
  /** Tables that earlier rounds have compared. */
  known(): readonly string[];
  compared(rows: number): void;
}

/** Age at which snapshots are replaced, because an old snapshot keeps the engine from purging old row versions. */
const SNAPSHOT_AGE_MAX_MS = 5_000;
/** Pause after a chunk, as a multiple of its duration. A background round leaves four fifths of the time to clients. */
const PAUSE = { asked: 0.25, background: 4 } as const;
/** Time for late replicas to catch up, before a position is agreed on without them. */
const CATCH_UP_MAX_MS = { asked: 15_000, background: 120_000 } as const;
const CATCH_UP_LOOK_MS = 100;
/** Attempts to agree on a position. They take longer than a hold's limit and than a restart of a server. */
const POSITION_TRIES = 20;
const POSITION_PAUSE_MS = 500;
/** Pause before the tables that could not be compared on all nodes are tried again. */
const AGAIN_AFTER_MS = 5_000;

/** One round: compares each table, and then once more the tables that could not be compared. */
export class Round {
  readonly #options: RoundOptions;
  readonly #modules: RoundModules;
  readonly #ended = new AbortController();
  readonly #counts: RoundReport;
  readonly #verdicts = new Map<string, TableReport['verdict']>();
  #snapshots: SnapshotSet | null = null;

  constructor(options: RoundOptions & { node: string }, modules: RoundModules) {
    this.#options = options;
    this.#modules = modules;
    const { only, repair, background } = options;
    this.#counts = {
      ...{ startedAt: new Date().toISOString(), finishedAt: null, repair, background },
      only: only && tableText(only),
      ...{ tablesDone: 0, tables: 0, differing: [], skipped: [], unconfirmed: 0, rows: 0, chunks: 0 },
      ...{ positions: 0, heldMsMax: 0, ended: null },
    };
  }

  get report(): RoundReport {
    const named = (wanted: TableReport['verdict']) =>
      [...this.#verdicts].filter(([, verdict]) => verdict === wanted).map(([table]) => table);
    return {
      ...this.#counts,
      differing: named('differs'),
      skipped: named('skipped'),
      tablesDone: this.#verdicts.size,
    };
  }

  cancel(reason: string): void {
    this.#ended.abort(new SkeinError('VERIFY_CANCELLED', reason));
  }

  /** Never rejects. */
  async run(closed: AbortSignal): Promise<RoundReport> {
    const end = () => this.#ended.abort(closed.reason);
    closed.addEventListener('abort', end, { once: true });
    try {
      await this.#tables(await this.#list());
      const again = this.report.skipped;
      if (again.length > 0 && this.#options.only === null) {
        await sleep(AGAIN_AFTER_MS, this.#ended.signal);
        await this.#tables(this.#listed.filter((table) => again.includes(tableText(table))));
      }
    } catch (error) {
      this.#counts.ended = messageOf(error);
      this.#modules.logger.warn({ reason: messageOf(error) }, 'a comparison of rows ended early');
    } finally {
      closed.removeEventListener('abort', end);
      this.#close();
    }
    this.#counts.finishedAt = new Date().toISOString();
    return this.report;
  }

  #listed: TableName[] = [];

  /** Lists the tables of all nodes, because a table that only a replica has is a difference too. */
  async #list(): Promise<TableName[]> {
    const { only } = this.#options;
    if (only !== null) {
      this.#counts.tables = 1;
      this.#listed = [only];
      return this.#listed;
    }
    const snapshots = await this.#open({ fresh: true });
    const found = new Map<string, TableName>();
    const lists = [
      snapshots.ownTables(),
      ...[...snapshots.peers.keys()].map((node) => snapshots.tablesOf(node)),
    ];
    for (const list of await Promise.allSettled(lists))
      for (const table of list.status === 'fulfilled' ? list.value : []) found.set(tableText(table), table);
    for (const table of this.#modules.known()) if (!found.has(table)) this.#modules.gone(table);
    this.#listed = [...found.values()];
    this.#counts.tables = found.size;
    return this.#listed;
  }

  async #tables(tables: readonly TableName[]): Promise<void> {
    for (const table of tables) {
      const outcome = await this.#table(table);
      if (outcome === null) {
        this.#verdicts.delete(tableText(table));
        this.#counts.tables--;
        this.#modules.gone(tableText(table));
      } else {
        this.#verdicts.set(outcome.table, outcome.verdict);
        this.#modules.done(outcome);
      }
    }
  }

  async #table(table: TableName): Promise<TableReport | null> {
    const comparison = new TableComparison(table, {
      snapshots: (how) => this.#open(how),
      expected: () => this.#modules.expected(),
      pause: (tookMs) => this.#pause(tookMs),
      compared: (rows) => {
        this.#counts.chunks++;
        this.#counts.rows += rows;
        this.#modules.compared(rows);
      },
      unconfirmed: () => {
        this.#counts.unconfirmed++;
      },
    });
    const outcome = await comparison.run();
    if (outcome === null && this.#options.only !== null)
      throw new SkeinError('VERIFY_NO_TABLE', `No node has a table ${tableText(table)}.`);
    if (outcome === null || !this.#options.repair || outcome.differences.length === 0)
      return outcome?.report ?? null;
    return this.#repair(table, outcome, comparison);
  }

  async #repair(
    table: TableName,
    { report, differences }: TableOutcome,
    comparison: TableComparison,
  ): Promise<TableReport> {
    // A replica has only one session for comparisons, which the repair needs.
    this.#close();
    const refused = new Map<Difference, string>();
    for (const difference of differences) {
      for (const { node } of difference.chunk.nodes) {
        this.#ended.signal.throwIfAborted();
        const replica = this.#modules.attached().find((each) => each.node === node);
        const why = replica
          ? await repairRange(replica, table, difference, this.#modules)
          : 'it is not attached';
        if (why !== null) refused.set(difference, `${node}: ${why}`);
      }
    }
    const chunks = [];
    for (const difference of differences) {
      const left = await comparison.recheck(difference);
      const why = refused.get(difference) ?? 'the rows differ again';
      chunks.push({
        ...difference.chunk,
        nodes: left ? left.nodes : difference.chunk.nodes,
        repair: left === null ? 'repaired' : `Not repaired: ${why}. Seed that node again.`,
      });
    }
    const isRepaired = report.more === 0 && chunks.every(({ repair }) => repair === 'repaired');
    return {
      ...report,
      verdict: isRepaired ? 'repaired' : 'differs',
      finishedAt: new Date().toISOString(),
      differences: chunks,
    };
  }

  /** The open snapshots, or new ones at a later position. */
  async #open({ fresh }: { fresh: boolean }): Promise<SnapshotSet> {
    this.#ended.signal.throwIfAborted();
    const open = this.#snapshots;
    if (open && !fresh && open.ageMs < SNAPSHOT_AGE_MAX_MS) return open;
    this.#close();
    await this.#untilCaughtUp();
    for (let attempt = 1; ; attempt++) {
      try {
        const snapshots = await SnapshotSet.open(this.#modules.attached(), this.#modules);
        this.#counts.positions++;
        this.#counts.heldMsMax = Math.max(this.#counts.heldMsMax, snapshots.heldMsMax);
        this.#snapshots = snapshots;
        return snapshots;
      } catch (error) {
        if (attempt === POSITION_TRIES) throw error;
        await sleep(POSITION_PAUSE_MS, this.#ended.signal);
      }
    }
  }

  #close(): void {
    this.#snapshots?.close();
    this.#snapshots = null;
  }

  /** Waits some time for replicas that are late or being seeded. */
  async #untilCaughtUp(): Promise<void> {
    const { expected, isCaughtUp } = this.#modules;
    const limitMs = this.#options.background ? CATCH_UP_MAX_MS.background : CATCH_UP_MAX_MS.asked;
    for (const until = performance.now() + limitMs; performance.now() < until; ) {
      if (expected().every((node) => isCaughtUp(node))) return;
      await sleep(CATCH_UP_LOOK_MS, this.#ended.signal);
    }
  }

  async #pause(tookMs: number): Promise<void> {
    const ms = tookMs * (this.#options.background ? PAUSE.background : PAUSE.asked);
    await sleep(Math.min(ms, SNAPSHOT_AGE_MAX_MS), this.#ended.signal);
  }
}

import type { EventLog } from '../../events/event-log.js';
import type { Flavour } from '../../flavour/flavour.js';
import { messageOf } from '../../model/error.js';
import { ORIGIN, type Position } from '../../model/position.js';
import type { ApplierState } from '../../model/status.js';
import type { Spool } from '../../spool/spool.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import type { Epochs } from '../epochs.js';
import { isDurable, type LocalControl, type ReplicaThreads, type ServerReading } from '../local-server.js';
import type { Seeding } from '../seed-parts.js';
import type { XaRecovery } from '../xa-recovery.js';
import { Applier, type ApplierView } from './applier.js';
import { ApplierUnblock } from './applier-unblock.js';
import { ApplyTrouble } from './apply-trouble.js';
import { CommitBatching } from './commit-batching.js';
import { UnreadableTables } from './unreadable-tables.js';

export interface ReplicaChecksModules {
  readonly logger: Logger;
  readonly flavour: Flavour;
  readonly events: EventLog;
  readonly spool: Spool;
  readonly epochs: Epochs;
  readonly xa: XaRecovery;
  readonly seeding: Pick<Seeding, 'keepsFrom' | 'need' | 'isRunning'>;
  control(): LocalControl;
  /** Kills the server (SIGKILL). It is started again. */
  kill(reason: string): void;
  /** The recovery after a crash of the server is complete. */
  crashHandled(): Promise<void>;
  /** Takes the server over again, because it has no replication threads. */
  takeOver(): Promise<void>;
}

/** Pause between two attempts to start a stopped thread of the server. */
const THREAD_RESTART_MS = 5_000;
/** Pause between two purges of the spool. */
const PURGE_MS = 5_000;

/** Checks the status of a replica's server at each heartbeat, and acts on it. */
export class ReplicaChecks {
  readonly #node: string;
  readonly #modules: ReplicaChecksModules;
  readonly #applier: Applier;
  readonly #unblock: ApplierUnblock;
  readonly #batching: CommitBatching;
  readonly #unreadable: UnreadableTables;
  #unreadableReason: string | null = null;
  #applied: Position = ORIGIN;
  #applierView: ApplierView = { state: 'running', reason: null };
  #applierSince = new Date().toISOString();
  #restartedAtMs = Number.NEGATIVE_INFINITY;
  readonly #trouble: ApplyTrouble;
  /** Why the server is not filled automatically although it has an error that only a seed mends; null = no such error. */
  #refused: string | null = null;
  #restarting: Promise<void> = Promise.resolve();
  #isStopping = false;
  #purgedAtMs = 0;
  /** Why clients must not read from this node (its data has diverged); null = they may. */
  closed: string | null = null;

  constructor(options: { node: string; applierStallMs: number }, modules: ReplicaChecksModules) {
    this.#node = options.node;
    this.#modules = modules;
    this.#applier = new Applier({ stallAfterMs: options.applierStallMs });
    this.#trouble = new ApplyTrouble(modules.flavour.errors);
    this.#batching = new CommitBatching((on) => modules.control().batchCommits(on));
    const event = (code: string, reason: string) =>
      modules.events.add('replication.error', options.node, reason, { code });
    this.#unreadable = new UnreadableTables({
      logger: modules.logger,
      look: () => modules.control().unreadableTables(),
      found: async (tables) => {
        if (tables === '') await modules.crashHandled();
        else this.#cannotOpen(tables);
      },
    });
    this.#unblock = new ApplierUnblock(
      { stepMs: options.applierStallMs },
      {
        control: () => modules.control(),
        event,
        kill: (reason) => modules.kill(reason),
        nowMs: monotonicMs,
      },
    );
  }

  /** Number of parallel workers that the server should have. */
  get workers(): number {
    return this.#unblock.workers;
  }

  get applied(): Position {
    return this.#applied;
  }

  /** Whether the server applies committed transactions, and the ISO time since when. */
  get applier(): { state: ApplierState; since: string } {
    return { state: this.#applierView.state, since: this.#applierSince };
  }

  /** Why this replica is not ready, although clients may read from it; null = it is ready. */
  get reason(): string | null {
    return this.#unreadableReason ?? this.#applierReason;
  }

  /** The server was recovered after its crash. Only tables that it cannot open may still be found. */
  async serverRecovered({ crashed }: { crashed: boolean }): Promise<void> {
    const { spool, crashHandled } = this.#modules;
    this.#unreadableReason = null;
    this.#unreadable.serverUp(crashed ? spool.end.ordinal : null);
    // A later end in order must not hide a table that cannot be opened.
    if (!crashed) await crashHandled();
  }

  get #applierReason(): string | null {
    const { state } = this.#applierView;
    const reason =
      this.#refused === null ? this.#applierView.reason : `${this.#applierView.reason} ${this.#refused}`;
    if (state !== 'stalled' || !this.#unblock.isGivenUp) return reason;
    return `${reason} To disconnect clients and to apply transactions one at a time did not help. Run: skein reseed ${this.#node}`;
  }

  /** The server's data was replaced. */
  dataReplaced(): void {
    this.#applied = ORIGIN;
    this.#unreadableReason = null;
  }

  /**
   * A server is taken over that is at this position. Returns the ordinal up to which the server before it had executed the
   * cluster's history.
   */
  standsAt(position: Position): number {
    const before = this.#applied;
    this.#applied = position;
    return before.gtid === this.#modules.epochs.positionAt(before.ordinal).gtid ? before.ordinal : 0;
  }

  /** The server is at a position that is not in the cluster's history. */
  diverged(reason: string): void {
    this.#fillClosed(reason, 'diverged');
  }

  /** After a crash nothing shows what the server has executed. `code`: of the error. */
  notRecovered(reason: string, code: string): void {
    this.#fillClosed(reason, `${code} after ${this.#applied.ordinal}`);
  }

  #fillClosed(reason: string, trouble: string): void {
    const refused = this.#modules.seeding.need({ cause: 'diverged', reason, closes: true, trouble });
    this.closed = `${reason} Reads are refused. ${refused ?? 'The server is filled from another node.'}`;
  }

  /**
   * Called often while transactions wait to be applied. `follows`: the server was taken over, so no recovery is in
   * progress.
   */
  look(reading: ServerReading, { follows }: { follows: boolean }): void {
    const { epochs, logger, xa } = this.#modules;
    const applied = epochs.positionOf(reading.gtidSlavePos);
    if (applied.ordinal > this.#applied.ordinal) this.#applied = applied;
    if (follows) {
      this.#checkForeign(reading);
      xa.advance(applied, monotonicMs()).catch((error: unknown) => {
        logger.warn(
          { reason: messageOf(error) },
          'the position up to which log and engine agree was not recorded',
        );
      });
    }
    this.#batching.watch(applied.ordinal, reading).catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, 'the batching of commits was not set');
    });
    this.#purge(reading, applied.ordinal);
  }

  /** Drops only groups that survive a crash of the server (rule H12). */
  #purge(reading: ServerReading, applied: number): void {
    const { spool, logger, seeding } = this.#modules;
    const now = monotonicMs();
    if (!isDurable(reading) || now - this.#purgedAtMs <= PURGE_MS || spool.damage) return;
    this.#purgedAtMs = now;
    const below = Math.min(Math.min(applied, spool.durable.ordinal) + 1, seeding.keepsFrom);
    spool.purge(below).catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, 'purging the spool failed');
    });
  }

  /**
   * A replica's log has exactly the transactions that it applied. Any other one was written directly on its server (rule
   * H13).
   */
  #checkForeign({ gtidBinlogPos: gtid, gtidSlavePos }: ServerReading): void {
    if (gtid === '' || gtid === gtidSlavePos || this.closed || this.#isOurs(gtid)) return;
    const reason = `The server of this replica has transaction ${gtid}, which does not come from the cluster (it applied up to ${gtidSlavePos || 'nothing'}). Somebody wrote to this server past Skein.`;
    const refused = this.#modules.seeding.need({
      cause: 'errant-transaction',
      reason,
      closes: true,
      trouble: `errant ${gtid}`,
    });
    this.closed = `${reason} Reads are refused. ${refused ?? 'The server is filled from another node.'}`;
    this.#modules.events.add('replication.error', this.#node, this.closed, {
      code: 'ERRANT_TRANSACTION',
      gtid,
    });
  }

  /**
   * A transaction of the cluster is in the log a moment before it is in gtid_slave_pos. Its name shows that it is the
   * cluster's.
   */
  #isOurs(gtid: string): boolean {
    const { flavour, epochs } = this.#modules;
    return gtid === epochs.positionAt(flavour.countOf(gtid)).gtid;
  }

  /** Checks the server's replication threads: reports why they stop or stall, starts them again, and unblocks them. */
  async lookAtThreads(threads: ReplicaThreads | null): Promise<void> {
    const { control, logger, spool, takeOver, seeding } = this.#modules;
    const applied = this.#applied.ordinal;
    const committed = spool.committed();
    const nowMs = monotonicMs();
    // Not awaited, because it may wait for the lock of a table. It never rejects.
    void this.#unreadable.watch(applied, committed, nowMs);
    const isSlow = threads?.sqlRunning && this.#applier.isSlow(applied, committed, nowMs);
    const workers = isSlow ? await control().applierWorkers() : null;
    this.#noteApplier(this.#applier.view({ threads, applied, committed, workers, nowMs }), threads);
    if (this.#applierView.state === 'stalled') await this.#unblock.stalled(applied, committed);
    else if (this.#applierView.state === 'running') await this.#unblock.running(applied);
    const dead = threads === null || !threads.ioRunning || !threads.sqlRunning;
    if (!dead || this.#isStopping || nowMs - this.#restartedAtMs < THREAD_RESTART_MS) return;
    this.#restartedAtMs = nowMs;
    const need = threads === null ? null : this.#trouble.stopped(threads, applied);
    const refused = need === null || seeding.isRunning ? null : seeding.need(need);
    if (refused !== null && this.#refused === null)
      this.#modules.events.add('replication.error', this.#node, `${need?.reason} ${refused}`, {
        code: 'SEED_REPEATED',
      });
    this.#refused = refused;
    const again = threads === null ? takeOver() : control().startReplica();
    this.#restarting = again.catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, "starting the server's replication threads failed");
    });
  }

  /** Ends the server's replication by `work`. From now on nothing starts its threads again, unless `work` fails. */
  async stopFollowing(work: () => Promise<void>): Promise<void> {
    this.#isStopping = true;
    try {
      await this.#restarting;
      await work();
    } catch (error) {
      this.#isStopping = false;
      throw error;
    }
  }

  /** Only a copy of another node's data brings the rows back. */
  #cannotOpen(tables: string): void {
    const { seeding, events } = this.#modules;
    const reason = `The server crashed in the middle of DDL, and cannot open ${tables} any more. Their rows are lost here, and reads of these tables fail.`;
    const trouble = `tables-unreadable after ${this.#applied.ordinal}`;
    const refused = seeding.need({ cause: 'tables-unreadable', reason, closes: false, trouble });
    this.#unreadableReason = `${reason} ${refused ?? 'The replica is filled from another node.'}`;
    events.add('replication.error', this.#node, this.#unreadableReason, { code: 'TABLES_UNREADABLE' });
  }

  isRunning(): boolean {
    return this.#applierView.state === 'running';
  }

  #noteApplier(view: ApplierView, threads: ReplicaThreads | null): void {
    const { events } = this.#modules;
    const before = this.#applierView;
    this.#applierView = view;
    const codes = { ioErrno: threads?.lastIoErrno ?? 0, sqlErrno: threads?.lastSqlErrno ?? 0 };
    if (view.state === 'running' && threads?.lastIoErrno && view.reason !== before.reason)
      events.add('replication.error', this.#node, view.reason ?? '', { code: 'SERVER_THREADS', ...codes });
    if (view.state === before.state) return;
    this.#applierSince = new Date().toISOString();
    if (view.state === 'running')
      events.add('applier.resumed', this.#node, 'The server applies transactions again.');
    else
      events.add(`applier.${view.state}`, this.#node, view.reason ?? '', {
        code: 'SERVER_THREADS',
        ...codes,
      });
  }
}

import type { EventLog } from '../../events/event-log.js';
import { messageOf } from '../../model/error.js';
import { ORIGIN, type Position } from '../../model/position.js';
import type { ApplierState } from '../../model/status.js';
import type { Flavour } from '../../mysql-protocol/flavour.js';
import type { Spool } from '../../spool/spool.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import type { Epochs } from '../epochs.js';
import type { LocalControl, ReplicaThreads, ServerReading } from '../local-server.js';
import type { Seeding } from '../role-node.js';
import type { XaRecovery } from '../xa-recovery.js';
import { Applier, type ApplierView } from './applier.js';
import { ApplierUnblock } from './applier-unblock.js';
import { ApplyTrouble } from './apply-trouble.js';
import { CommitGathering } from './commit-gathering.js';
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
  /** SIGKILL of the server; it is started again. */
  kill(reason: string): void;
  /** Its threads are gone, or never were: it is taken over again. */
  takeOver(): Promise<void>;
}

/** Pause between two attempts to start a stopped thread of the server. */
const THREAD_RESTART_MS = 5_000;
/** Pause between two purges of the spool. */
const PURGE_MS = 5_000;

/** What a replica's server says of itself at each heartbeat, and what follows from it. */
export class ReplicaChecks {
  readonly #node: string;
  readonly #modules: ReplicaChecksModules;
  readonly #applier: Applier;
  readonly #unblock: ApplierUnblock;
  readonly #gathering: CommitGathering;
  readonly #unreadable: UnreadableTables;
  #applied: Position = ORIGIN;
  #applierView: ApplierView = { state: 'running', reason: null };
  #applierSince = new Date().toISOString();
  #restartedAtMs = Number.NEGATIVE_INFINITY;
  readonly #trouble = new ApplyTrouble();
  /** Why the server is not filled for a trouble that it has. */
  #refused: string | null = null;
  #restarting: Promise<void> = Promise.resolve();
  #isLetGo = false;
  #purgedAtMs = 0;
  /** Why this node must not be read (its data has diverged); null = it may. */
  closed: string | null = null;

  constructor(options: { node: string; applierStallMs: number }, modules: ReplicaChecksModules) {
    this.#node = options.node;
    this.#modules = modules;
    this.#applier = new Applier({ stallAfterMs: options.applierStallMs });
    this.#gathering = new CommitGathering((on) => modules.control().gatherCommits(on));
    const event = (code: string, reason: string) =>
      modules.events.add('replication.error', options.node, reason, { code });
    this.#unreadable = new UnreadableTables({
      logger: modules.logger,
      look: (among) => modules.control().unreadableTables(among),
      event,
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

  /** Parallel workers that the server is to have. */
  get workers(): number {
    return this.#unblock.workers;
  }

  get applied(): Position {
    return this.#applied;
  }

  /** Whether its server executes what is committed, and the ISO time since when. */
  get applier(): { state: ApplierState; since: string } {
    return { state: this.#applierView.state, since: this.#applierSince };
  }

  /** Why this replica is not ready though it may be read; null = it is ready. */
  get reason(): string | null {
    return this.#unreadable.reason ?? this.#applierReason;
  }

  /** After a crash: looks whether the server can open all of its tables, and says whether it can. */
  lookAtTables(server: { crashed: boolean }): Promise<boolean> {
    return this.#unreadable.serverUp(server, monotonicMs());
  }

  get #applierReason(): string | null {
    const { state } = this.#applierView;
    const reason =
      this.#refused === null ? this.#applierView.reason : `${this.#applierView.reason} ${this.#refused}`;
    if (state !== 'stalled' || !this.#unblock.isGivenUp) return reason;
    return `${reason} Disconnecting its clients and executing transactions one by one did not help. Run: skein reseed ${this.#node}`;
  }

  /** The server has other data. */
  dataReplaced(): void {
    this.#applied = ORIGIN;
  }

  /** The server gave the endpoint a position that is not in the cluster's history. */
  diverged(reason: string): void {
    const refused = this.#modules.seeding.need({
      cause: 'diverged',
      reason,
      closes: true,
      trouble: 'diverged',
    });
    this.closed = `${reason} Reads are refused. ${refused ?? 'The server is filled from another node.'}`;
  }

  /** Called often while something is not applied yet. `follows`: the server was taken over, nothing is being settled. */
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
    this.#gathering.watch(applied.ordinal, reading).catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, 'the batching of commits was not set');
    });
    this.#purge(reading, applied.ordinal);
  }

  /** Only what survives a crash of the server is dropped (rule H12). */
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

  /** A replica's log holds exactly what it applied; anything more was written here (rule H13). */
  #checkForeign({ gtidBinlogPos: gtid, gtidSlavePos }: ServerReading): void {
    if (gtid === '' || gtid === gtidSlavePos || this.closed || this.#isOurs(gtid)) return;
    const reason = `The server of this replica holds ${gtid}, which the cluster did not give it (it applied up to ${gtidSlavePos || 'nothing'}): something was written here past Skein.`;
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

  /** A moment passes between a transaction's place in the log and in gtid_slave_pos: then its name is the cluster's. */
  #isOurs(gtid: string): boolean {
    const { flavour, epochs } = this.#modules;
    if (gtid.includes(',')) return false;
    return gtid === epochs.positionAt(flavour.ordinalOf(gtid)).gtid;
  }

  /** The server's own threads: says why they stand still, starts them again, and takes out of their way what blocks them. */
  async lookAtThreads(threads: ReplicaThreads | null): Promise<void> {
    const { control, logger, spool, takeOver, seeding } = this.#modules;
    const applied = this.#applied.ordinal;
    const committed = spool.committed();
    const nowMs = monotonicMs();
    // Never rejects, and may wait for a table's lock.
    void this.#unreadable.watch(nowMs);
    this.#askForUnreadable(applied, committed, nowMs);
    const isSlow = threads?.sqlRunning && this.#applier.isSlow(applied, committed, nowMs);
    const workers = isSlow ? await control().applierWorkers() : null;
    this.#noteApplier(this.#applier.view({ threads, applied, committed, workers, nowMs }), threads);
    if (this.#applierView.state === 'stalled') await this.#unblock.stalled(applied, committed);
    else if (this.#applierView.state === 'running') await this.#unblock.running(applied);
    const dead = threads === null || !threads.ioRunning || !threads.sqlRunning;
    if (!dead || this.#isLetGo || nowMs - this.#restartedAtMs < THREAD_RESTART_MS) return;
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

  /** Runs `work`, which makes the server follow nobody: nothing starts its threads again, unless `work` fails. */
  async letGo(work: () => Promise<void>): Promise<void> {
    this.#isLetGo = true;
    try {
      await this.#restarting;
      await work();
    } catch (error) {
      this.#isLetGo = false;
      throw error;
    }
  }

  #askForUnreadable(applied: number, committed: number, nowMs: number): void {
    const { seeding } = this.#modules;
    const tables = this.#unreadable.lasting(nowMs, applied >= committed);
    if (tables === '' || seeding.isRunning) return;
    seeding.need({
      cause: 'tables-unreadable',
      reason: `Its server died in the middle of DDL, and cannot open ${tables} any more.`,
      closes: false,
      trouble: `tables-unreadable after ${applied}`,
    });
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
    if (view.state === 'running') events.add('applier.resumed', this.#node, 'Its server applies again.');
    else
      events.add(`applier.${view.state}`, this.#node, view.reason ?? '', {
        code: 'SERVER_THREADS',
        ...codes,
      });
  }
}

/** What this server has executed survives its crash. */
export function isDurable({ syncBinlog, flushAtTrxCommit }: ServerReading): boolean {
  return syncBinlog === 1 && flushAtTrxCommit === 1;
}

import { Endpoint, type HeldDdl } from '../../endpoint/endpoint.js';
import type { EventLog } from '../../events/event-log.js';
import type { LagMeter } from '../../membership/lag.js';
import { type Chain, continues, currentEpoch, cutFor, epochOf, isSameChain } from '../../model/chain.js';
import { digestsOf } from '../../model/definitions.js';
import { messageOf, SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { ApplierState, Positions } from '../../model/status.js';
import { doubtOfDdl } from '../../mysql-control/ddl-traces.js';
import type { Flavour } from '../../mysql-protocol/flavour.js';
import { readLoggedGroup } from '../../source/logged-group.js';
import type { LogStretch } from '../../source/read-log.js';
import { readXaLog } from '../../source/xa-log.js';
import type { Spool } from '../../spool/spool.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import { sleep } from '../../std/timing.js';
import type { Answer, Ask, AttachInfo, Heartbeat, Welcome } from '../../wire/messages.js';
import { RECORD_KIND, readRecordHeader, walkRecords } from '../../wire/record.js';
import type { ChainFile } from '../chain-file.js';
import type { LocalControl, LocalServerUp, ReplicaThreads, ServerReading } from '../local-server.js';
import type { XaFile } from '../xa-file.js';
import { preparedAgain, XaRecovery } from '../xa-recovery.js';
import { Applier, type ApplierView } from './applier.js';
import { ApplierUnblock } from './applier-unblock.js';
import { CommitGathering } from './commit-gathering.js';
import type { DdlNoteFile } from './ddl-note.js';

/**
 * What a replica does beside its server: takes records from the link into the spool, acknowledges what is durable,
 * lets its server fetch what is committed, and watches that the server applies it and has nothing of its own.
 */
export interface ReplicaRoleOptions {
  node: string;
  http: string;
  link: string;
  endpointUser: string;
  endpointPassword: string;
  /** Account for reading the server's own log. */
  replicationUser: string;
  replicationPassword: string;
  applierStallMs: number;
}

export interface ReplicaRoleModules {
  logger: Logger;
  flavour: Flavour;
  chainFile: ChainFile;
  ddlNote: DdlNoteFile;
  xaFile: XaFile;
  events: EventLog;
  spool: Spool;
  lag: LagMeter;
  control(): LocalControl;
  /** To the primary, when the link is up; merged there. */
  ack(ack: { received: number; durable: number; applied: number }): void;
  resumeLink(): void;
  /** What a crash of the server left behind is settled. */
  settled(): Promise<void>;
  /** SIGKILL of the server; it is started again. */
  kill(reason: string): void;
  /** Ends this process. */
  fail(error: SkeinError): void;
}

/** A stopped thread of the server is started again at most so often. */
const THREAD_RESTART_MS = 5_000;
/** Whether the server is still there is looked at so often while a DDL is held. */
const HELD_WAIT_MS = 1_000;
const HELD_PAUSE_MS = 20;
/** The primary wants to know how something is defined: what applies nothing for so long does not get there. */
const APPLY_PATIENCE_MS = 10_000;
const APPLY_LOOK_MS = 1_000;
/** Of the connections that read the server's own log; no two are open at once. */
const OWN_LOG_SERVER_ID = 3_900_000_000;
/** The spool is purged at most so often. */
const PURGE_MS = 5_000;

export class ReplicaRole {
  readonly #options: ReplicaRoleOptions;
  readonly #modules: ReplicaRoleModules;
  readonly #endpoint: Endpoint;
  readonly #xa: XaRecovery;
  readonly #stopped = new AbortController();
  #endpointPort = 0;
  #server: LocalServerUp | null = null;
  #applied: Position = { epoch: 0, ordinal: 0, gtid: '' };
  /** Why this node must not be read (its data has diverged); null = fine. */
  #closed: string | null = null;
  readonly #applier: Applier;
  readonly #unblock: ApplierUnblock;
  #applierView: ApplierView = { state: 'running', reason: null };
  #applierSince = new Date().toISOString();
  #socketPath = '';
  #restartedAtMs = 0;
  #purgedAtMs = 0;
  readonly #gathering = new CommitGathering((on) => this.#modules.control().gatherCommits(on));
  readonly #stopListening: (() => void)[] = [];

  constructor(options: ReplicaRoleOptions, modules: ReplicaRoleModules) {
    this.#options = options;
    this.#modules = modules;
    const { spool, logger, flavour } = modules;
    this.#endpoint = new Endpoint(
      {
        user: options.endpointUser,
        password: options.endpointPassword,
        // Only has to differ from the server's own, whose ids are far away (epochs' or replicas').
        serverId: 1,
        serverVersion: '5.5.5-10.11.0-MariaDB-skein-log',
      },
      {
        logger: logger.child({ part: 'endpoint' }),
        flavour,
        spool,
        committed: () => spool.committed(),
        nameOf: (ordinal) => this.#named(ordinal).gtid,
        beforeDdl: (ddl, signal) => this.#beforeDdl(ddl, signal),
        refused: (error) => this.#refused(error),
      },
    );
    this.#xa = new XaRecovery({
      file: modules.xaFile,
      control: () => modules.control(),
      lost: preparedAgain({
        control: () => modules.control(),
        readGroup: (ordinal, signal) =>
          readLoggedGroup(this.#ownLog(this.#named(ordinal - 1), this.#named(ordinal)), { flavour, signal }),
      }),
      logBegin: async () => this.#positionOf(await modules.control().logBegin()),
      readLog: (after, until, signal) => readXaLog(this.#ownLog(after, until), { flavour, signal }),
    });
    this.#applier = new Applier({ stallAfterMs: options.applierStallMs });
    this.#unblock = new ApplierUnblock(
      { stepMs: options.applierStallMs },
      {
        control: () => modules.control(),
        event: (code, reason) => modules.events.add('replication.error', options.node, reason, { code }),
        kill: (reason) => modules.kill(reason),
        nowMs: monotonicMs,
      },
    );
    this.#stopListening.push(
      spool.onDurable.on(() => this.#acknowledge()),
      spool.onAppended.on(() => this.#endpoint.changed()),
      spool.onDrain.on(() => modules.resumeLink()),
      spool.onFailed.on((error) => this.#spoolFailed(error)),
      // It was sound at the start; from now on it abstains, which the primary is told by a new link.
      spool.onDamaged.on(() => this.#spoolFailed(new SkeinError('SPOOL_DAMAGED', describeDamage(spool)))),
    );
    if (spool.damage) this.#modules.events.add('spool.damaged', options.node, describeDamage(spool));
  }

  async start(): Promise<void> {
    this.#endpointPort = await this.#endpoint.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const off of this.#stopListening) off();
    await this.#endpoint.stop();
  }

  get #chain(): Chain {
    return this.#modules.chainFile.chain;
  }

  get epoch(): number {
    return currentEpoch(this.#chain);
  }

  get applied(): Position {
    return this.#applied;
  }

  get positions(): Positions {
    const { spool } = this.#modules;
    return {
      received: spool.end.ordinal,
      durable: spool.durable.ordinal,
      committed: spool.committed(),
      applied: this.#applied.ordinal,
    };
  }

  /** Why reads must be refused; null = they may go on. */
  get closed(): string | null {
    return this.#closed;
  }

  get reason(): string | null {
    const { spool } = this.#modules;
    return this.#closed ?? (spool.damage ? describeDamage(spool) : this.#applierReason());
  }

  lagMs(): number | null {
    const lagMs = this.#modules.lag.lagMs(this.#applied.ordinal, monotonicMs());
    return lagMs === null ? null : Math.round(lagMs);
  }

  // --- the link ------------------------------------------------------------------------------------------------

  attachInfo(): AttachInfo {
    const { spool, flavour } = this.#modules;
    return {
      node: this.#options.node,
      incarnation: spool.incarnation,
      epoch: this.epoch,
      http: this.#options.http,
      link: this.#options.link,
      flavour: flavour.name,
      spoolEnd: spool.durable,
      previousGtid: spool.previousGtidOfDurable,
      damaged: spool.damage !== null,
    };
  }

  /** Follows the chain of the primary: what this spool holds beyond it was never committed (rule C7). */
  async welcomed(welcome: Welcome): Promise<void> {
    const { spool, chainFile, lag, logger } = this.#modules;
    if (!continues(this.#chain, welcome.chain)) {
      throw new SkeinError(
        'CHAIN_MISMATCH',
        `The history of ${welcome.node} does not continue the one that this node knows: it is older, or of another cluster with the same name and secret.`,
      );
    }
    for (let cut = cutFor(welcome.chain, spool.end); cut; cut = cutFor(welcome.chain, spool.end)) {
      if (cut.ordinal < spool.committed()) {
        throw new SkeinError(
          'CUT_BELOW_COMMITTED',
          `The chain of ${welcome.node} would cut this node's log at ${cut.gtid || 'its beginning'}, but it is committed up to number ${spool.committed()}. Nothing is cut.`,
        );
      }
      logger.warn({ from: spool.end, to: cut }, 'cutting what was never committed');
      this.#endpoint.disconnect();
      await spool.cut(cut);
      lag.cut(cut.ordinal);
    }
    if (!isSameChain(welcome.chain, this.#chain)) await chainFile.save(welcome.chain);
    // Only up to what is here and matches; what follows on this link is the primary's own.
    this.committed(Math.min(welcome.committedOrdinal, spool.end.ordinal));
    lag.heard(welcome, welcome.committedOrdinal, monotonicMs());
  }

  async definitions({ id, gtid, objects }: Ask): Promise<Answer> {
    const answer = (definitions: Answer['definitions'], failed: string | null = null): Answer => ({
      id,
      definitions,
      failed,
    });
    try {
      if (this.#closed) return answer({}, this.#closed);
      const control = this.#modules.control();
      let applied = this.#applied.ordinal;
      let movedAtMs = monotonicMs();
      while (gtid !== '' && !(await control.waitApplied(gtid, APPLY_LOOK_MS))) {
        // A long statement, or a server that starts, gets there; one whose threads have stopped may not.
        if (this.#applied.ordinal > applied || !this.#server || this.#applierView.state === 'running')
          movedAtMs = monotonicMs();
        applied = this.#applied.ordinal;
        if (monotonicMs() - movedAtMs > APPLY_PATIENCE_MS)
          return answer(
            {},
            `Its server does not get to ${gtid}: it stands at ${this.#applied.gtid || 'nothing'}.`,
          );
      }
      const found = await control.definitions();
      if (objects === null) return answer(digestsOf(found));
      return answer(Object.fromEntries([...found].filter(([object]) => objects.includes(object))));
    } catch (error) {
      return answer({}, messageOf(error));
    }
  }

  records(bytes: Buffer, committedOrdinal: number): boolean {
    const { spool, lag } = this.#modules;
    const goOn = spool.append(bytes, committedOrdinal);
    const first = readRecordHeader(bytes, 0);
    if (first.kind === RECORD_KIND.group) lag.received(spool.end.ordinal, first.atMs, monotonicMs());
    this.committed(committedOrdinal);
    return goOn;
  }

  committed(ordinal: number): void {
    const { spool } = this.#modules;
    if (ordinal <= spool.committed()) return;
    spool.setCommitted(ordinal);
    this.#endpoint.changed();
  }

  heard(heartbeat: Heartbeat, heardAtMs: number): void {
    this.#modules.lag.heard(heartbeat, heartbeat.positions.received, heardAtMs);
  }

  #acknowledge(): void {
    const { received, durable, applied } = this.positions;
    this.#modules.ack({ received, durable, applied });
  }

  /** What an fsync failed on is not known to be on the disk, and asking again may lie: only a new start can tell. */
  #spoolFailed(error: SkeinError): void {
    this.#modules.events.add('spool.damaged', this.#options.node, error.message, { code: error.code });
    this.#modules.fail(error);
  }

  // --- the server ----------------------------------------------------------------------------------------------

  async serverUp(up: LocalServerUp): Promise<void> {
    this.#closed = null;
    this.#socketPath = up.socketPath;
    const isNew = (await this.#modules.control().replicaStatus()) === null;
    const settles = up.crashed && isNew;
    const wasSettled = settles && (await this.#modules.control().finishLogReset());
    if (settles && !wasSettled) await this.#settleXa();
    await this.#settleRecovery();
    // Its log may have been begun anew.
    if (settles) await this.#agreeXa();
    await this.#modules.settled();
    await this.#modules.control().followEndpoint({
      host: '127.0.0.1',
      port: this.#endpointPort,
      user: this.#options.endpointUser,
      password: this.#options.endpointPassword,
      workers: this.#unblock.workers,
    });
    // Only from now on its threads are expected to run.
    this.#server = up;
  }

  #ownLog(after: Position, until: Position): LogStretch {
    const { replicationUser: user, replicationPassword: password } = this.#options;
    const target = { socketPath: this.#socketPath, user, password };
    return { target, serverId: OWN_LOG_SERVER_ID, after, until };
  }

  #named(ordinal: number): Position {
    const epoch = epochOf(this.#chain, ordinal);
    return { epoch, ordinal, gtid: ordinal === 0 ? '' : this.#modules.flavour.gtidAt(epoch, ordinal) };
  }

  #positionOf(gtid: string): Position {
    const ordinal = gtid === '' ? 0 : this.#modules.flavour.ordinalOf(gtid);
    return { epoch: epochOf(this.#chain, ordinal), ordinal, gtid };
  }

  /** Brings the engine level with the server's own log, before it follows anybody. */
  async #settleXa(): Promise<void> {
    const logEnd = this.#positionOf((await this.#modules.control().status()).gtidBinlogPos);
    const done = await this.#xa.settle(logEnd, this.#stopped.signal);
    if (done !== null)
      this.#modules.events.add(
        'replication.error',
        this.#options.node,
        `After the crash in the middle of XA: ${done}.`,
        {
          code: 'XA_SETTLED',
        },
      );
    await this.#xa.agree(logEnd);
  }

  async #agreeXa(): Promise<void> {
    await this.#xa.agree(this.#positionOf((await this.#modules.control().status()).gtidBinlogPos));
  }

  async #settleRecovery(): Promise<void> {
    const { logger, ddlNote } = this.#modules;
    const done = await this.#modules.control().settleRecovery({
      noted: await ddlNote.load(),
      nameOf: (ordinal) => this.#named(ordinal).gtid,
      isDdl: (ordinal) => this.#isDdl(ordinal),
    });
    if (done !== null) logger.warn({ reason: done }, 'the server was brought level with itself');
  }

  async #isDdl(ordinal: number): Promise<boolean | null> {
    const { spool, flavour } = this.#modules;
    if (ordinal < spool.begin || ordinal > spool.durable.ordinal) return null;
    const reader = spool.reader(ordinal);
    try {
      for (let bytes = await reader.next(ordinal, 1); bytes !== null; bytes = await reader.next(ordinal, 1)) {
        for (const { offset, header } of walkRecords(bytes)) {
          if (header.kind !== RECORD_KIND.group || header.ordinal !== ordinal) continue;
          const group = bytes.subarray(offset + header.payloadOffset, offset + header.size);
          // DDL is never sent in pieces, and other groups are changed too.
          return (flavour.forReplica(group, true)?.ddl ?? null) !== null;
        }
      }
      return null;
    } finally {
      reader.close();
    }
  }

  /**
   * A parallel worker begins DDL as soon as what comes before it has begun to commit. A server that dies then finishes the
   * DDL at its start, and its log does not hold what comes before: so that is waited for. Some DDL also leaves no word in
   * the log, or nothing but that, when the server dies: it is noted, with traces that nobody else changes meanwhile.
   */
  async #beforeDdl({ ordinal, previousGtid, statement }: HeldDdl, signal: AbortSignal): Promise<void> {
    const control = this.#modules.control();
    while (previousGtid !== '' && !(await control.waitApplied(previousGtid, HELD_WAIT_MS)))
      // It says no at once where too many wait.
      await sleep(HELD_PAUSE_MS, signal);
    const doubt = doubtOfDdl(statement);
    if (doubt !== null)
      await this.#modules.ddlNote.save({ ordinal, doubt, traces: await control.ddlTraces() });
  }

  serverDown(): void {
    this.#server = null;
  }

  /** The server was seen to have applied this. */
  noteApplied(position: Position): void {
    if (position.ordinal <= this.#applied.ordinal) return;
    this.#applied = position;
  }

  /** Looks at what the server says of itself; called often while something is not applied yet. */
  watch(reading: ServerReading): void {
    const { flavour, spool } = this.#modules;
    const gtid = reading.gtidSlavePos;
    const ordinal = gtid === '' ? 0 : flavour.ordinalOf(gtid);
    const applied = { epoch: epochOf(this.#chain, ordinal), ordinal, gtid };
    this.noteApplied(applied);
    this.#checkForeign(reading);
    if (this.#server)
      this.#xa.advance(applied, monotonicMs()).catch((error: unknown) => {
        const reason = messageOf(error);
        this.#modules.logger.warn({ reason }, 'how far the log agrees with the engine was not noted');
      });
    this.#gathering.watch(ordinal, reading).catch((error: unknown) => {
      this.#modules.logger.warn({ reason: messageOf(error) }, 'whether commits gather was not set');
    });
    const safe = reading.syncBinlog === 1 && reading.flushAtTrxCommit === 1;
    const now = monotonicMs();
    if (safe && now - this.#purgedAtMs > PURGE_MS && !spool.damage) {
      this.#purgedAtMs = now;
      spool.purge(Math.min(ordinal, spool.durable.ordinal) + 1).catch((error: unknown) => {
        this.#modules.logger.warn({ reason: messageOf(error) }, 'purging the spool failed');
      });
    }
  }

  /** A replica's log holds exactly what it applied; anything more was written here (rule H13). */
  #checkForeign(reading: ServerReading): void {
    const gtid = reading.gtidBinlogPos;
    // Before it follows, what a start left behind is being settled.
    if (!this.#server) return;
    if (gtid === '' || gtid === reading.gtidSlavePos || this.#closed || this.#isOurs(gtid)) return;
    this.#closed =
      `The server of this replica holds ${reading.gtidBinlogPos}, which the cluster did not give it (it applied up to ` +
      `${reading.gtidSlavePos || 'nothing'}): something was written here past Skein. Reads are refused. ` +
      `Stop the node, remove its directory, and start it again: it is filled anew.`;
    this.#modules.events.add('replication.error', this.#options.node, this.#closed, {
      code: 'ERRANT_TRANSACTION',
      gtid: reading.gtidBinlogPos,
    });
  }

  /** A moment passes between a transaction's place in the log and in gtid_slave_pos: then its name is the cluster's. */
  #isOurs(gtid: string): boolean {
    const { flavour } = this.#modules;
    if (gtid.includes(',')) return false;
    return gtid === this.#named(flavour.ordinalOf(gtid)).gtid;
  }

  /** Whether its server executes what is committed, and the ISO time since when. */
  get applier(): { state: ApplierState; since: string } {
    return { state: this.#applierView.state, since: this.#applierSince };
  }

  #applierReason(): string | null {
    const { state, reason } = this.#applierView;
    if (state !== 'stalled' || !this.#unblock.isGivenUp) return reason;
    return `${reason} Ending its readers and executing one after the other did not help: stop the node, remove its data, spool and state directories, and start it again; it is filled anew.`;
  }

  /** The server's own threads: says why they stand still, starts them again, and takes out of their way what blocks them. */
  async watchThreads(threads: ReplicaThreads | null): Promise<void> {
    if (!this.#server) return;
    const { applied, committed } = this.positions;
    const nowMs = monotonicMs();
    const isSlow = threads?.sqlRunning && this.#applier.isSlow(applied, committed, nowMs);
    const workers = isSlow ? await this.#modules.control().applierWorkers() : null;
    this.#noteApplier(this.#applier.view({ threads, applied, committed, workers, nowMs }), threads);
    if (this.#applierView.state === 'stalled') await this.#unblock.stalled(applied, committed);
    else if (this.#applierView.state === 'running') await this.#unblock.running(applied);
    const dead = threads === null || !threads.ioRunning || !threads.sqlRunning;
    if (!dead || nowMs - this.#restartedAtMs < THREAD_RESTART_MS) return;
    this.#restartedAtMs = nowMs;
    const server = this.#server;
    const again = threads === null ? this.serverUp(server) : this.#modules.control().startReplica();
    again.catch((error: unknown) => {
      this.#modules.logger.warn(
        { reason: messageOf(error) },
        "starting the server's replication threads failed",
      );
    });
  }

  #noteApplier(view: ApplierView, threads: ReplicaThreads | null): void {
    const { events } = this.#modules;
    const { node } = this.#options;
    const before = this.#applierView;
    this.#applierView = view;
    const codes = { ioErrno: threads?.lastIoErrno ?? 0, sqlErrno: threads?.lastSqlErrno ?? 0 };
    if (view.state === 'running' && threads?.lastIoErrno && view.reason !== before.reason)
      events.add('replication.error', node, view.reason ?? '', { code: 'SERVER_THREADS', ...codes });
    if (view.state === before.state) return;
    this.#applierSince = new Date().toISOString();
    if (view.state === 'running') events.add('applier.resumed', node, 'Its server applies again.');
    else events.add(`applier.${view.state}`, node, view.reason ?? '', { code: 'SERVER_THREADS', ...codes });
  }

  #refused(error: SkeinError): void {
    if (error.code === 'SERVER_DIVERGED') this.#closed = error.message;
    this.#modules.events.add('replication.error', this.#options.node, error.message, { code: error.code });
  }
}

function describeDamage(spool: Spool): string {
  return `The spool of this node is damaged: ${spool.damage?.reason ?? 'unknown'}. It does not count in the quorum.`;
}

import { Endpoint } from '../../endpoint/endpoint.js';
import { isSkeinError, messageOf, SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { Positions } from '../../model/status.js';
import type { LogRange } from '../../source/read-log.js';
import { readXaLog } from '../../source/xa-log.js';
import { monotonicMs } from '../../std/clock.js';
import { sleep } from '../../std/timing.js';
import type {
  AttachInfo,
  DefinitionsQuery,
  DefinitionsReply,
  Heartbeat,
  ListMessage,
  Welcome,
} from '../../wire/messages.js';
import { RECORD_KIND, readRecordHeader } from '../../wire/record.js';
import { describeDamage } from '../describe-damage.js';
import { Epochs } from '../epochs.js';
import { isDurable, type LocalServerUp, type ReplicaThreads, type ServerReading } from '../local-server.js';
import { XaRecovery } from '../xa-recovery.js';
import { answerDefinitions } from './definitions-answer.js';
import { followPlan } from './follow-plan.js';
import { beforeDdl } from './held-ddl.js';
import { ListFollower } from './list-follower.js';
import { ReplicaChecks } from './replica-checks.js';
import type { ReplicaRoleModules, ReplicaRoleOptions } from './replica-parts.js';
import { SeedDecision } from './seed-decision.js';
import { SERVER_DOWN, type TakeOverEvent, takeOverStep } from './take-over.js';
import { TakeOverWork } from './take-over-work.js';
import { VerifyResponder } from './verify-responder.js';

/** Poll interval while the role ends, until the server has executed everything. */
const FINISH_POLL_MS = 10;
/** Errors after which nothing shows what the server has executed of its log. It must be filled from another node. */
const UNRECOVERABLE: ReadonlySet<string> = new Set([
  'XA_DIFFERS',
  'XA_STATE_UNREADABLE',
  'DDL_NOTE_UNREADABLE',
]);
/** Server id of the connections that read the server's own log. Only one is open at a time. */
const OWN_LOG_SERVER_ID = 3_900_000_000;

/**
 * What a replica does beside its server: takes records from the link into the spool, acknowledges what is durable,
 * lets its server fetch what is committed, and checks that the server applies it and has no transactions of its own.
 */
export class ReplicaRole {
  readonly #options: ReplicaRoleOptions;
  readonly #modules: ReplicaRoleModules;
  readonly #endpoint: Endpoint;
  readonly #xa: XaRecovery;
  readonly #stopped = new AbortController();
  readonly #work: TakeOverWork;
  #endpointPort = 0;
  readonly #epochs: Epochs;
  readonly #lists: ListFollower;
  readonly checks: ReplicaChecks;
  /** Answers the primary's questions during a comparison of rows. */
  readonly verify: VerifyResponder;
  #server: LocalServerUp | null = null;
  #takeOver = SERVER_DOWN;
  readonly seedDecision: SeedDecision;
  #runs = 0;
  readonly #stopListening: (() => void)[] = [];

  constructor(options: ReplicaRoleOptions, modules: ReplicaRoleModules) {
    this.#options = options;
    this.#modules = modules;
    const { spool, logger, flavour } = modules;
    this.#epochs = new Epochs(modules);
    this.#lists = new ListFollower({ ...modules, durable: () => spool.durable.ordinal });
    this.seedDecision = new SeedDecision({
      ...{ seeding: modules.seeding, spool, logger },
      nameOf: (ordinal) => this.#epochs.positionAt(ordinal).gtid,
      note: (ordinal) => modules.logEndFile.note(ordinal),
      restartSpool: (position) => modules.restartSpool(position),
    });
    this.#endpoint = new Endpoint(
      {
        user: options.endpointUser,
        password: options.endpointPassword,
        // This id must only differ from the server's own id. Ids of epochs and replicas are much larger.
        serverId: 1,
      },
      {
        logger: logger.child({ part: 'endpoint' }),
        flavour,
        spool,
        committed: () => spool.committed(),
        nameOf: (ordinal) => this.#epochs.positionAt(ordinal).gtid,
        reported: (gtid, ordinal) => flavour.reported(gtid, this.#epochs.chain, ordinal),
        beforeDdl: (ddl, signal) =>
          beforeDdl({ control: modules.control(), ddlNote: modules.ddlNote, flavour }, ddl, signal),
        refused: (error) => this.#refused(error),
      },
    );
    this.#xa = new XaRecovery({
      file: modules.xaFile,
      control: () => modules.control(),
      logBegin: async () => this.#epochs.positionOf(await modules.control().logBegin()),
      readLog: (after, until, signal) =>
        readXaLog(this.#ownLog(after, until), { flavour, chain: () => this.#epochs.chain, signal }),
    });
    this.checks = new ReplicaChecks(options, {
      ...{ logger, flavour, spool, events: modules.events },
      epochs: this.#epochs,
      xa: this.#xa,
      seeding: modules.seeding,
      control: () => modules.control(),
      kill: (reason) => modules.kill(reason),
      crashHandled: () => modules.crashHandled(),
      takeOver: async () => {
        if (this.#server) await this.serverUp(this.#server);
      },
    });
    this.#work = new TakeOverWork(options, {
      ...modules,
      epochs: this.#epochs,
      xa: this.#xa,
      seedDecision: this.seedDecision,
      checks: this.checks,
      endpointPort: () => this.#endpointPort,
      stopped: this.#stopped.signal,
    });
    this.verify = new VerifyResponder({
      ...{ control: () => modules.control(), gate: this.#endpoint, sql: modules.flavour.sql },
    });
    this.#stopListening.push(
      spool.onDurable.on(() => this.#acknowledge()),
      spool.onAppended.on(() => this.#endpoint.changed()),
      spool.onDrain.on(() => modules.resumeLink()),
      spool.onFailed.on((error) => this.#spoolFailed(error)),
      // A spool that is found damaged later abstains. The process ends, and its next link tells the primary.
      spool.onDamaged.on(() => this.#spoolFailed(new SkeinError('SPOOL_DAMAGED', describeDamage(spool)))),
    );
    if (spool.damage) this.#modules.events.add('spool.damaged', options.node, describeDamage(spool));
  }

  async start(): Promise<void> {
    this.#endpointPort = await this.#endpoint.start();
  }

  /**
   * Resolves when the server has executed all transactions of the spool, and no longer replicates. No record may arrive
   * meanwhile. A transaction that is not known to be committed is not executed, and the method waits for it (rule C9).
   */
  async finish(signal: AbortSignal): Promise<void> {
    const { spool, control, logger } = this.#modules;
    let lastReason = '';
    for (;;) {
      signal.throwIfAborted();
      this.verify.end();
      try {
        await spool.flush();
        if (await this.#hasAll()) {
          await this.checks.stopFollowing(() => control().stopFollowing());
          return;
        }
      } catch (error) {
        // The server may have ended. Then it is started again.
        const reason = messageOf(error);
        if (reason !== lastReason) logger.warn({ reason }, 'the role cannot end yet');
        lastReason = reason;
      }
      await sleep(FINISH_POLL_MS, signal);
    }
  }

  async #hasAll(): Promise<boolean> {
    const { spool, control } = this.#modules;
    if (!this.#follows || spool.committed() < spool.end.ordinal) return false;
    const { gtidSlavePos, gtidBinlogPos } = await control().status();
    return gtidSlavePos === spool.end.gtid && gtidBinlogPos === gtidSlavePos;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.verify.end();
    for (const off of this.#stopListening) off();
    await this.#endpoint.stop();
  }

  get epoch(): number {
    return this.#epochs.current;
  }

  /** See SeedTarget. */
  get followedTo(): number | null {
    return this.#follows ? this.checks.applied.ordinal : null;
  }

  /** What the server has executed of this node's log; it was committed therefore (rule C9). Null = that is not known. */
  get executed(): Position | null {
    return this.#follows && this.closed === null ? this.checks.applied : null;
  }

  dataReplaced(): void {
    this.checks.dataReplaced();
    this.seedDecision.dataReplaced();
  }

  /** Why the state of the server forbids to serve clients; null = it does not. */
  get closed(): string | null {
    return this.checks.closed ?? this.seedDecision.closed;
  }

  get positions(): Positions {
    const { spool } = this.#modules;
    return {
      received: spool.end.ordinal,
      durable: spool.durable.ordinal,
      committed: spool.committed(),
      applied: this.checks.applied.ordinal,
    };
  }

  get reason(): string | null {
    const { spool } = this.#modules;
    return this.closed ?? (spool.damage ? describeDamage(spool) : this.checks.reason);
  }

  lagMs(): number | null {
    const lagMs = this.#modules.lag.lagMs(this.checks.applied.ordinal, monotonicMs());
    return lagMs === null ? null : Math.round(lagMs);
  }

  // --- the link ------------------------------------------------------------------------------------------------

  attachInfo(): AttachInfo {
    const { spool, flavour } = this.#modules;
    const { name: node, ...place } = this.#options.place;
    return {
      ...place,
      node,
      incarnation: spool.incarnation,
      epoch: this.epoch,
      boot: this.#options.boot,
      flavour: flavour.name,
      spoolEnd: spool.durable,
      previousGtid: spool.previousGtidOfDurable,
      damaged: spool.damage !== null,
      adopted: this.#lists.adopted(),
    };
  }

  /**
   * Takes the chain of the primary, and cuts transactions of the spool that it does not include: they were never
   * committed (rule C7).
   */
  async welcomed(welcome: Welcome): Promise<void> {
    const { spool, lag, logger } = this.#modules;
    const plan = followPlan({
      primary: welcome.node,
      ours: this.#epochs.chain,
      theirs: welcome.chain,
      end: spool.end,
      committed: spool.committed(),
    });
    if (plan.isGivenUp) {
      // At the next start the spool does not fit the chain, and is kept: see openSpool.
      await this.#modules.chainFile.save(welcome.chain);
      const error = new SkeinError(
        'LOG_GIVEN_UP',
        `${welcome.node} was made the primary by force, and its history ends before this node's log (${spool.end.gtid}). The log is kept, and this node starts again with an empty one.`,
      );
      this.#modules.events.add('replication.error', this.#options.node, error.message, { code: error.code });
      this.#modules.fail(error);
      throw error;
    }
    if (plan.cut !== null) {
      logger.warn({ from: spool.end, to: plan.cut }, 'cutting transactions that were never committed');
      this.#endpoint.disconnect();
      await spool.cut(plan.cut);
      lag.cut(plan.cut.ordinal);
    }
    // After the cut (rule E13), so that the disk never has an entry that contradicts the log.
    await this.#lists.welcomed(welcome.chain, plan.save);
    this.seedDecision.welcomed(welcome);
    // Only up to the end of the spool, which now agrees with the primary.
    this.committed(Math.min(welcome.committedOrdinal, spool.end.ordinal));
    lag.heard(welcome, welcome.committedOrdinal, monotonicMs());
  }

  /** Takes a new list of members. The primary is told when this node has adopted it. */
  list(message: ListMessage): void {
    this.#lists.take(message);
  }

  definitions(query: DefinitionsQuery): Promise<DefinitionsReply> {
    const { control, flavour } = this.#modules;
    return answerDefinitions(query, {
      ...{ control, flavour, checks: this.checks },
      follows: () => this.#follows,
    });
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
    this.seedDecision.heard(ordinal);
    if (ordinal <= spool.committed()) return;
    spool.setCommitted(ordinal);
    this.#endpoint.changed();
  }

  /** On an elected primary: more of the log is committed. */
  committedMoved(): void {
    this.#endpoint.changed();
  }

  heard(heartbeat: Heartbeat, heardAtMs: number): void {
    // A primary that no majority answers may have been replaced: being level with its log shows nothing.
    if (heartbeat.lagMs === null) return;
    this.#modules.lag.heard(heartbeat, heartbeat.positions.received, heardAtMs);
  }

  #acknowledge(): void {
    const { received, durable, applied } = this.positions;
    this.#modules.ack({ received, durable, applied });
    this.#lists.logMoved();
  }

  /**
   * After a failed fsync, the records on the disk are not known, and another fsync may succeed wrongly. So the process
   * ends.
   */
  #spoolFailed(error: SkeinError): void {
    this.#modules.events.add('spool.damaged', this.#options.node, error.message, { code: error.code });
    this.#modules.fail(error);
  }

  // --- the server ----------------------------------------------------------------------------------------------

  /**
   * Takes the server over. Resolves when it replicates from this node. Rejects with an error after which a retry is
   * allowed.
   */
  async serverUp(up: LocalServerUp): Promise<void> {
    this.checks.closed = null;
    this.#server = up;
    const run = ++this.#runs;
    let event: TakeOverEvent = { kind: 'up', crashed: up.crashed };
    try {
      for (;;) {
        this.#takeOver = takeOverStep(this.#takeOver, event);
        if (this.#takeOver.step === 'down' || this.#takeOver.step === 'following') return;
        event = await this.#work.run(this.#takeOver);
        // Another run of the server has started meanwhile, with its own take-over.
        if (run !== this.#runs) return;
      }
    } catch (error) {
      if (run !== this.#runs) return;
      this.#takeOver = takeOverStep(this.#takeOver, { kind: 'failed' });
      if (isSkeinError(error) && UNRECOVERABLE.has(error.code))
        this.checks.notRecovered(error.message, error.code);
      throw error;
    }
  }

  serverDown(): void {
    this.#server = null;
    this.verify.end();
    this.#takeOver = takeOverStep(this.#takeOver, { kind: 'down' });
  }

  /** The server was taken over, so its replication threads should run. */
  get #follows(): boolean {
    return this.#takeOver.step === 'following';
  }

  #ownLog(after: Position, until: Position): LogRange {
    const { replicationUser: user, replicationPassword: password } = this.#options;
    const target = { socketPath: this.#server?.socketPath ?? '', user, password };
    return { target, serverId: OWN_LOG_SERVER_ID, after, until };
  }

  /** Checks the status of the server. Called often while transactions wait to be applied. */
  watch(reading: ServerReading): void {
    this.checks.look(reading, { follows: this.#follows });
    if (this.#follows) this.seedDecision.applied(this.checks.applied, { isDurable: isDurable(reading) });
  }

  async watchThreads(threads: ReplicaThreads | null): Promise<void> {
    if (this.#follows) await this.checks.lookAtThreads(threads);
  }

  #refused(error: SkeinError): void {
    if (error.code === 'SERVER_DIVERGED') this.checks.diverged(error.message);
    this.#modules.events.add('replication.error', this.#options.node, error.message, { code: error.code });
  }
}

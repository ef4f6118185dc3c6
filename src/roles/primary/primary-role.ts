import type { EventLog } from '../../events/event-log.js';
import { FollowerRounds } from '../../hub/follower-rounds.js';
import { Hub } from '../../hub/hub.js';
import { Quorum } from '../../hub/quorum.js';
import type { WelcomeDecision } from '../../link/greeting.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import { type Chain, currentEpoch, epochOf, extendChain } from '../../model/chain.js';
import { isSkeinError, messageOf, SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { RecordBatch } from '../../model/records.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import type { Flavour } from '../../mysql-protocol/flavour.js';
import { isNoDdl } from '../../promise/ddl-risk.js';
import type { DumpTarget } from '../../source/dump-connection.js';
import { Source } from '../../source/source.js';
import { readXaLog } from '../../source/xa-log.js';
import { monotonicMs } from '../../std/clock.js';
import { Emitter } from '../../std/emitter.js';
import type { Logger } from '../../std/logger.js';
import { backoffMs, sleep } from '../../std/timing.js';
import type { AttachInfo } from '../../wire/messages.js';
import type { ChainFile } from '../chain-file.js';
import type { LocalControl, LocalServerUp, ServerReading } from '../local-server.js';
import type { XaFile } from '../xa-file.js';
import { rolledBackEverywhere, XaRecovery } from '../xa-recovery.js';
import { CommitWait } from './commit-wait.js';
import { DefinitionLevel } from './definition-level.js';
import { DefinitionWatch } from './definition-watch.js';
import type { DefinitionsFile } from './definitions-file.js';
import type { LogEndFile } from './log-end-file.js';
import { SchemaGuard } from './schema-guard.js';

/**
 * What the primary does beside its server, as one scope for each run of the server:
 *
 *   closed --server up--> recovering --quorum attached--> feeding --quorum has the whole log--> open
 *     ^                                                                                          |
 *     +------------------------------ server down, fence ---------------------------------------+
 *
 * An epoch begins with every start of the server (its log may then hold what nobody acknowledged, rule H9) and goes
 * on when only the node was restarted and adopts a server that is open (its commits have waited meanwhile).
 */
export interface PrimaryRoleOptions {
  node: string;
  voters: readonly string[];
  acknowledge: AcknowledgeLevel;
  hubWindowBytes: number;
  annotateRows: boolean;
  /** Account for the dumps. */
  replicationUser: string;
  replicationPassword: string;
  /** Pause before the server is tried again that could not be opened; default 2,000 ms. */
  retryMs?: number;
}

export interface PrimaryRoleModules {
  logger: Logger;
  flavour: Flavour;
  chainFile: ChainFile;
  xaFile: XaFile;
  logEndFile: LogEndFile;
  definitionsFile: DefinitionsFile;
  events: EventLog;
  control(): LocalControl;
  /** SIGKILL (rule C1: a fence asks nobody); the server is started again. */
  kill(reason: string): void;
  /** What a crash of the server left behind is settled. */
  settled(): Promise<void>;
  /** Whether this replica was heard of lately; one that is silent can acknowledge nothing. */
  isHeard(node: string): boolean;
  /** First thing after the server was opened: accounts' tables and the like; waits for its commits. */
  prepareSystem(): Promise<void>;
}

export type PrimaryPhase = 'closed' | 'recovering' | 'feeding' | 'open';

/**
 * Ids of our dump connections, above the replicas' own. The semi-sync one is always the same, because the server then
 * ends its older twin at once: a dead one would count as a second client until its next heartbeat, seconds later.
 * Those that catch up get a new one each time, because they may live side by side.
 */
const SEMI_SYNC_SERVER_ID = 3_900_000_000;
const CATCH_UP_SERVER_ID_FIRST = SEMI_SYNC_SERVER_ID + 1;
const CATCH_UP_SERVER_ID_SPAN = 90_000_000;
/** "Could not find GTID state requested by slave in any binlog files": purged, by a person or by time. */
const ER_BEFORE_THE_LOG = 1236;
const REDIAL_FIRST_MS = 100;
const REDIAL_MAX_MS = 2_000;
/** What keeps a server from being opened is mostly a session that needs some seconds to end. */
const RETRY_MS = 2_000;
/** A dump that held for so long was well: the next redial is quick again. */
const GOOD_DUMP_MS = 5_000;
/** Errors that the next attempt would meet again: they need a person. */
const FATAL = new Set([
  'UNKNOWN_EVENT',
  'UNEXPECTED_EVENT',
  'FOREIGN_TRANSACTION',
  'NO_BINLOG_CHECKSUM',
  'SOURCE_FAILED',
]);

export class PrimaryRole {
  readonly #options: PrimaryRoleOptions;
  readonly #modules: PrimaryRoleModules;
  readonly #attached = new Map<string, ReplicaSession>();
  readonly #hub: Hub;
  readonly #rounds: FollowerRounds;
  readonly #xa: XaRecovery;
  readonly #definitions: DefinitionLevel;
  readonly #definitionWatch: DefinitionWatch;
  readonly schema: SchemaGuard;
  #quorum: Quorum;
  #scope: AbortController | null = null;
  #server: LocalServerUp | null = null;
  #phase: PrimaryPhase = 'closed';
  #reason: string | null = 'The server is starting.';
  #source: Source | null = null;
  /** End of the server's log when this epoch began; all of it must be on a quorum before anything is served. */
  #logEnd: Position = { epoch: 0, ordinal: 0, gtid: '' };
  /** An epoch was begun for this run of the server: what failed after it is tried again in the same epoch. */
  #epochBegun = false;
  /** The chain before this epoch, as long as no replica was told of the epoch; then null. */
  #chainBefore: Chain | null = null;
  #dumps = 0;
  /** The quorum's positions when whoever waits for them was last told. */
  #told = { answered: -1, released: -1, everywhere: -1 };
  #hadQuorum = false;
  #unacknowledged: number | null = null;
  #strangers = false;
  #lastReading: ServerReading | null = null;
  /** How long commits wait for their quorum; read by the metrics. */
  readonly commitWait = new CommitWait(monotonicMs);
  #bytesRead = 0;
  /** Why the log is not read any more until a person has done something; the server may have been opened meanwhile. */
  #stopped: string | null = null;
  readonly onChange = new Emitter<void>();
  /** The answered or committed position moved. */
  readonly onCommitted = new Emitter<void>();

  constructor(options: PrimaryRoleOptions, modules: PrimaryRoleModules) {
    this.#options = options;
    this.#modules = modules;
    this.#quorum = this.#newQuorum();
    this.#hub = new Hub(
      { windowBytesMax: options.hubWindowBytes },
      {
        committed: () => this.#quorum.released,
        needed: () => this.#quorum.replicasNeededToAnswer,
        gtidText: modules.flavour.gtidText,
        catchUp: (after, batch) => this.#dump(after, { semiSync: false }, batch),
      },
    );
    this.#rounds = new FollowerRounds({
      needed: () => this.#quorum.replicasNeeded,
      send: (round) => {
        for (const session of this.#attached.values()) if (this.#counts(session)) session.sendProbe(round);
      },
    });
    this.#xa = new XaRecovery({
      lost: rolledBackEverywhere({
        control: () => modules.control(),
        serverId: () => modules.flavour.epochServerId(this.epoch),
      }),
      file: modules.xaFile,
      control: () => modules.control(),
      logBegin: async () => {
        const gtid = await modules.control().logBegin();
        return { epoch: 0, ordinal: gtid === '' ? 0 : modules.flavour.ordinalOf(gtid), gtid };
      },
      readLog: (after, until, signal) =>
        readXaLog(
          { target: this.#dumpTarget(), serverId: this.#catchUpId(), after, until },
          { flavour: modules.flavour, signal },
        ),
    });
    this.#definitions = new DefinitionLevel({
      file: modules.definitionsFile,
      control: () => modules.control(),
      replicas: () => [...this.#attached.values()].filter((session) => this.#counts(session)),
      needsReplicas: () => this.#replicasNeeded() > 0,
      waiting: (reason) => this.#setPhase('feeding', reason),
      event: (code, reason) => modules.events.add('replication.error', options.node, reason, { code }),
    });
    this.#definitionWatch = new DefinitionWatch({
      logger: modules.logger,
      level: this.#definitions,
      found: (reason) =>
        modules.events.add('schema.warning', options.node, reason, { code: 'DEFINITIONS_DIFFER' }),
      changed: () => this.onChange.emit(),
    });
    this.schema = new SchemaGuard(
      { node: options.node },
      {
        logger: modules.logger,
        events: modules.events,
        control: () => modules.control(),
        changed: () => this.onChange.emit(),
      },
    );
    this.#hub.onCapacity.on(() => this.#source?.resume());
  }

  /** What a user should know of the schema. */
  get warnings(): string[] {
    return [...this.schema.warnings, ...this.#definitionWatch.warnings];
  }

  get phase(): PrimaryPhase {
    return this.#phase;
  }

  get reason(): string | null {
    return this.#reason;
  }

  get epoch(): number {
    return currentEpoch(this.#chain);
  }

  get quorum(): Quorum {
    return this.#quorum;
  }

  get received(): number {
    return Math.max(this.#source?.received ?? 0, this.#logEnd.ordinal);
  }

  /** Voters that are attached, the primary included. */
  get attachedVoters(): number {
    return 1 + this.#attachedReplicaVoters();
  }

  get hubWindowBytes(): number {
    return this.#hub.windowBytes;
  }

  /** Bytes of records made from the binary log since the node's start. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /**
   * Resolves once a majority of the voters has answered, after this call, that it still follows this primary.
   * @throws SkeinError ROLE_LOST, or the signal's reason
   */
  confirmFollowed(signal: AbortSignal): Promise<void> {
    return this.#rounds.confirm(signal);
  }

  /** Somebody waits for a position: what the log holds is read on now. */
  hurry(): void {
    this.#source?.readNow();
  }

  /** Commits that wait for their acknowledgement, as the server last said. */
  get waitingCommits(): number {
    return this.#lastReading?.semiSync.waitSessions ?? 0;
  }

  /** The name of the group with this ordinal in the cluster's one history. */
  positionAt(ordinal: number): Position {
    const epoch = epochOf(this.#chain, ordinal);
    return { epoch, ordinal, gtid: ordinal === 0 ? '' : this.#modules.flavour.gtidAt(epoch, ordinal) };
  }

  get #chain(): Chain {
    return this.#modules.chainFile.chain;
  }

  #newQuorum(): Quorum {
    const { node, voters, acknowledge } = this.#options;
    return new Quorum({ self: node, voters, level: acknowledge });
  }

  // --- the server's life ---------------------------------------------------------------------------------------

  /** The server answers. Runs until it is open, or until the server is down again. */
  async serverUp(up: LocalServerUp): Promise<void> {
    this.#epochBegun = false;
    let isOver = await this.#tryToOpen(up);
    while (!isOver) isOver = await this.#tryToOpen({ ...up, adopted: true });
  }

  /** False: it failed, and may be tried again with the same server. */
  async #tryToOpen(up: LocalServerUp): Promise<boolean> {
    this.#end('The server has just been started.');
    const scope = new AbortController();
    this.#scope = scope;
    this.#server = up;
    const { signal } = scope;
    // Nobody attaches before it is clear where the log ends.
    let failedPhase: PrimaryPhase = 'closed';
    try {
      const reading = await this.#modules.control().status();
      if (signal.aborted) return true;
      const goesOn = this.#goesOn(up, reading);
      if (up.adopted && !goesOn && !reading.readOnly) {
        // Open, but not as ours: whatever it accepted since must not be taken for this epoch's (rules H9, C1).
        this.#fence('an adopted server is open with a server id that is not of this epoch');
        return true;
      }
      this.#logEnd = this.#endOf(reading);
      // Read before anything is served: whoever kills the first commit that waits is noticed too.
      this.#unacknowledged = reading.semiSync.noTx;
      if (!goesOn && (await this.#logIsLost())) return true;
      if (!goesOn) await this.#settleXa(signal);
      if (signal.aborted) return true;
      this.#quorum = this.#newQuorum();
      this.#told = { answered: -1, released: -1, everywhere: -1 };
      this.#quorum.setReceived(this.#logEnd.ordinal);
      if (!goesOn && this.#options.acknowledge !== 'async') {
        await this.#modules.control().waitForAcknowledgements();
        if (signal.aborted) return true;
      }
      if (!goesOn && !this.#epochBegun) await this.#beginEpoch();
      if (signal.aborted) return true;
      failedPhase = 'recovering';
      this.#setPhase('recovering', this.#waitingForQuorum());
      await this.#untilQuorum(signal);
      this.#feed(signal);
      if (!goesOn) {
        this.#setPhase('feeding', 'The quorum is receiving the rest of the log.');
        await this.#untilAnswered(this.#logEnd.ordinal, signal);
        const serverId = this.#modules.flavour.epochServerId(this.epoch);
        if (up.crashed && this.#options.voters.length > 1)
          await this.#definitions.settle({ serverId, epoch: this.epoch }, signal);
        await this.#definitions.note();
        await this.#modules.settled();
        if (signal.aborted) return true;
        await this.#modules.control().openAsPrimary({ serverId });
        if (signal.aborted) return true;
      }
      await this.#modules.prepareSystem();
      if (signal.aborted) return true;
      this.#opened(goesOn ? 'the node came back to its open server' : 'the quorum has the whole log');
      this.schema.opened({ crashed: up.crashed && !goesOn });
      this.#definitionWatch.opened();
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      this.#modules.logger.error({ reason: messageOf(error) }, 'opening as primary failed');
      this.#setPhase(failedPhase, `Opening failed: ${messageOf(error)} Trying again.`);
      await sleep(this.#options.retryMs ?? RETRY_MS, signal).catch(() => {});
      return signal.aborted;
    }
  }

  serverDown(reason: string): void {
    this.#server = null;
    this.#end(reason);
  }

  #goesOn(up: LocalServerUp, reading: ServerReading): boolean {
    const epoch = this.epoch;
    return (
      up.adopted &&
      !reading.readOnly &&
      epoch > 0 &&
      reading.serverId === this.#modules.flavour.epochServerId(epoch)
    );
  }

  #endOf(reading: ServerReading): Position {
    const gtid = reading.gtidBinlogPos;
    if (gtid === '') return { epoch: 0, ordinal: 0, gtid: '' };
    const ordinal = this.#modules.flavour.ordinalOf(gtid);
    return { epoch: epochOf(this.#chain, ordinal), ordinal, gtid };
  }

  /**
   * A log that ends before this epoch began, or before what it was known to hold, is not the cluster's (a directory that
   * is not mounted, an old copy). Nothing is written then, the chain least of all: given its data back, the node goes on as
   * if nothing had been. A quorum could not tell: a replica that was behind lets the log look whole.
   */
  async #logIsLost(): Promise<boolean> {
    const began = this.#chain.at(-1)?.beginsAfter.ordinal ?? 0;
    const held = await this.#modules.logEndFile.load();
    if (this.#logEnd.ordinal >= Math.max(began, held)) return false;
    const message =
      `The server's log ends at ${this.#logEnd.gtid || 'its beginning'} (number ${this.#logEnd.ordinal}), but ` +
      (held > began
        ? `number ${held} was committed in it`
        : `epoch ${this.epoch} began after number ${began}`) +
      ': its data directory was lost or replaced by an older one. The primary stays closed, so that nothing ' +
      `acknowledged is overwritten. Give ${this.#options.node} its data back.`;
    this.#modules.events.add('replication.error', this.#options.node, message, { code: 'DATA_LOST' });
    this.#setPhase('closed', message);
    return true;
  }

  /** Brings the engine level with the log, which may become longer. */
  async #settleXa(signal: AbortSignal): Promise<void> {
    const { events, control } = this.#modules;
    const done = await this.#xa.settle(this.#logEnd, signal);
    if (done !== null) {
      events.add('replication.error', this.#options.node, `After the crash in the middle of XA: ${done}.`, {
        code: 'XA_SETTLED',
      });
      this.#logEnd = this.#endOf(await control().status());
    }
    await this.#xa.agree(this.#logEnd);
  }

  async #beginEpoch(): Promise<void> {
    const epoch = this.epoch + 1;
    const before = this.#chain;
    await this.#modules.chainFile.save(extendChain(before, { epoch, beginsAfter: this.#logEnd }));
    this.#chainBefore = before;
    this.#epochBegun = true;
    this.#modules.logger.info({ epoch, beginsAfter: this.#logEnd }, 'epoch began');
  }

  /** An epoch that began at the end of a wrong log would cut the right one, once it is back. */
  #takeBackEpoch(): void {
    if (this.#chainBefore === null) return;
    const before = this.#chainBefore;
    this.#chainBefore = null;
    this.#modules.chainFile.save(before).catch((error: unknown) => {
      this.#modules.logger.error({ reason: messageOf(error) }, 'taking the new epoch back failed');
    });
  }

  #opened(why: string): void {
    this.#setPhase('open', null);
    this.#hadQuorum = true;
    this.#modules.events.add(
      'role.open',
      this.#options.node,
      `Open as primary of epoch ${this.epoch}: ${why}.`,
      {
        epoch: this.epoch,
      },
    );
  }

  #end(reason: string): void {
    this.#scope?.abort(new SkeinError('ROLE_ENDED', reason));
    this.#scope = null;
    this.schema.closed();
    this.#definitionWatch.closed();
    this.#source?.stop();
    this.#source = null;
    this.#lastReading = null;
    this.#stopped = null;
    this.#unacknowledged = null;
    this.#strangers = false;
    for (const session of [...this.#attached.values()])
      session.close(`the primary's server is down: ${reason}`);
    this.#rounds.end(new SkeinError('ROLE_LOST', `The primary is closed: ${reason}`));
    this.#hub.begin(0);
    if (this.#phase === 'open')
      this.#modules.events.add('role.closed', this.#options.node, reason, { epoch: this.epoch });
    this.#hadQuorum = false;
    this.#setPhase('closed', reason);
    this.onCommitted.emit();
  }

  #fence(why: string): void {
    this.#modules.events.add('fence', this.#options.node, `The server is killed and started again: ${why}.`);
    this.#end(why);
    this.#modules.kill(why);
  }

  #setPhase(phase: PrimaryPhase, reason: string | null): void {
    this.#phase = phase;
    this.#reason = reason ?? this.#stopped;
    this.onChange.emit();
  }

  // --- replicas ------------------------------------------------------------------------------------------------

  welcome(attach: AttachInfo): WelcomeDecision {
    if (this.#phase === 'closed' || this.epoch === 0) {
      return { refuse: 'NOT_OPEN', message: this.#reason ?? 'The server of the primary is starting.' };
    }
    if (this.#phase === 'recovering' && attach.spoolEnd.ordinal > this.#logEnd.ordinal) {
      const message =
        `${attach.node} holds transactions up to ${attach.spoolEnd.gtid} (number ${attach.spoolEnd.ordinal}), but the primary's server ` +
        `ends at number ${this.#logEnd.ordinal}: its data directory was lost or replaced by an older one. The primary stays ` +
        `closed, so that nothing acknowledged is overwritten. Give ${this.#options.node} its data back.`;
      this.#modules.events.add('replication.error', this.#options.node, message, { code: 'REPLICA_AHEAD' });
      this.#takeBackEpoch();
      this.#end(message);
      return { refuse: 'REPLICA_AHEAD', message };
    }
    this.#chainBefore = null;
    return { epoch: this.epoch, chain: this.#chain, committedOrdinal: this.#quorum.released };
  }

  attach(session: ReplicaSession): void {
    const { node, attach } = session;
    // A damaged log abstains (rule C6): nothing is sent to it, and nothing that it says counts.
    const feed = attach.damaged
      ? null
      : this.#hub.attach(session, attach.spoolEnd, (error) => this.#feedFailed(session, error));
    this.#attached.set(node, session);
    session.onClosed.on(() => {
      if (feed) this.#hub.detach(feed);
      if (this.#attached.get(node) === session) this.#attached.delete(node);
      this.checkQuorum();
    });
    if (feed) {
      session.onAck.on((ack) => {
        const before = this.#quorum.released;
        this.#quorum.setDurable(node, ack.durable);
        if (this.#quorum.released > before) this.#hub.movedCommit(feed);
        this.#quorumMoved();
      });
      this.#quorum.setDurable(node, attach.spoolEnd.ordinal);
      this.#quorumMoved();
    }
    if (this.#counts(session)) {
      session.onEcho.on((round) => this.#rounds.answered(node, round));
      if (this.#rounds.running !== null) session.sendProbe(this.#rounds.running);
    }
    this.checkQuorum();
  }

  #counts({ node, attach }: ReplicaSession): boolean {
    return this.#options.voters.includes(node) && !attach.damaged;
  }

  #feedFailed(session: ReplicaSession, error: unknown): void {
    const reason = `${session.node} can not catch up from the binary log: ${messageOf(error)}`;
    this.#modules.events.add('replication.error', session.node, reason, {
      code: isSkeinError(error) ? error.code : 'CATCH_UP_FAILED',
    });
    session.close(reason);
  }

  #attachedReplicaVoters(): number {
    let count = 0;
    for (const [node, session] of this.#attached) {
      if (this.#counts(session) && this.#modules.isHeard(node)) count++;
    }
    return count;
  }

  #replicasNeeded(): number {
    return this.#options.acknowledge === 'async' ? 0 : this.#quorum.replicasNeededToAnswer;
  }

  #waitingForQuorum(): string {
    const missing = this.#replicasNeeded() - this.#attachedReplicaVoters();
    return `Waiting for ${missing} more replica${missing === 1 ? '' : 's'} to attach before anything is served.`;
  }

  /** Who is attached, or heard of, may have changed. */
  checkQuorum(): void {
    const has = this.#attachedReplicaVoters() >= this.#replicasNeeded();
    if (this.#phase === 'recovering' && !has) this.#reason = this.#waitingForQuorum();
    if (this.#phase === 'open' && has !== this.#hadQuorum) {
      this.#hadQuorum = has;
      const needed = this.#replicasNeeded() + 1;
      const attached = this.attachedVoters;
      if (has) {
        this.#reason = this.#stopped;
        this.#modules.events.add('quorum.regained', this.#options.node, 'Writes are answered again.', {
          needed,
          attached,
        });
      } else {
        this.#reason = `Only ${attached} of the ${needed} nodes needed are attached: writes wait, reads go on.`;
        this.#modules.events.add('quorum.lost', this.#options.node, this.#reason, { needed, attached });
      }
    }
    this.onChange.emit();
  }

  #untilQuorum(signal: AbortSignal): Promise<void> {
    return this.#until(() => this.#attachedReplicaVoters() >= this.#replicasNeeded(), this.onChange, signal);
  }

  #untilAnswered(ordinal: number, signal: AbortSignal): Promise<void> {
    return this.#until(() => this.#quorum.answered >= ordinal, this.onCommitted, signal);
  }

  #until(done: () => boolean, changed: Emitter<void>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (!signal.aborted && !done()) return;
        off();
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(signal.reason as Error);
        else resolve();
      };
      const off = changed.on(settle);
      signal.addEventListener('abort', settle);
      settle();
    });
  }

  #quorumMoved(): void {
    const { answered, released } = this.#quorum;
    const everywhere = this.#quorum.reached('all');
    const told = this.#told;
    if (answered === told.answered && released === told.released && everywhere === told.everywhere) return;
    this.#told = { answered, released, everywhere };
    if (this.#options.acknowledge !== 'async') this.#source?.acknowledge(answered);
    this.#hub.committedMoved();
    this.commitWait.acknowledged(answered);
    this.onCommitted.emit();
  }

  // --- the binary log ------------------------------------------------------------------------------------------

  #catchUpId(): number {
    return CATCH_UP_SERVER_ID_FIRST + (this.#dumps++ % CATCH_UP_SERVER_ID_SPAN);
  }

  #dumpTarget(): DumpTarget {
    return {
      socketPath: this.#server?.socketPath ?? '',
      user: this.#options.replicationUser,
      password: this.#options.replicationPassword,
    };
  }

  #dump(
    after: Position,
    how: { semiSync: boolean; batched?: boolean },
    batch: (batch: RecordBatch) => boolean,
    statement?: (text: string, database: string) => void,
  ): Source {
    const { flavour, logger } = this.#modules;
    const serverId = how.semiSync ? SEMI_SYNC_SERVER_ID : this.#catchUpId();
    const target = this.#dumpTarget();
    return new Source(
      { target, serverId, after, annotated: this.#options.annotateRows, ...how },
      {
        flavour,
        logger,
        epochOf: (ordinal) => epochOf(this.#chain, ordinal),
        batch,
        ...(statement && { statement }),
      },
    );
  }

  /** Keeps the one semi-sync dump going for as long as the scope lasts. */
  #feed(signal: AbortSignal): void {
    const run = async () => {
      let isPurged = false;
      for (let attempt = 0; !signal.aborted; attempt++) {
        const started = performance.now();
        const error = await this.#runSource(signal, { isPurged });
        if (signal.aborted) return;
        isPurged = !isPurged && error.data.errno === ER_BEFORE_THE_LOG;
        if (FATAL.has(error.code)) {
          this.#stopped = error.message;
          this.#reason = error.message;
          this.#modules.events.add('replication.error', this.#options.node, error.message, {
            code: error.code,
            ...error.data,
          });
          this.onChange.emit();
          return;
        }
        if (performance.now() - started > GOOD_DUMP_MS) attempt = 0;
        await sleep(backoffMs(attempt, REDIAL_FIRST_MS, REDIAL_MAX_MS), signal);
      }
    };
    run().catch((error: unknown) => {
      if (!signal.aborted)
        this.#modules.logger.error({ reason: messageOf(error) }, 'the source was given up');
    });
  }

  /**
   * One dump, until it ends. It begins one group before what the quorum is known to have: to dial is itself an
   * acknowledgement of earlier log files, and a group that already waits is asked for only if it is sent (rule C2).
   * `isPurged`: the server does not have that group any more. Then its log begins behind what the quorum has, and to dial
   * there acknowledges that and no more.
   */
  async #runSource(signal: AbortSignal, { isPurged }: { isPurged: boolean }): Promise<SkeinError> {
    const isAsync = this.#options.acknowledge === 'async';
    const known = this.#quorum.answered;
    const after = this.positionAt(isAsync || isPurged ? known : Math.max(0, known - 1));
    const take = (batch: RecordBatch) => {
      this.#quorum.setReceived(batch.completeOrdinal);
      this.#bytesRead += batch.bytes.length;
      this.commitWait.read(batch.completeOrdinal);
      const goOn = this.#hub.append(batch);
      // What is read is answered then, whoever has it.
      if (isAsync || this.#options.voters.length === 1) this.#quorumMoved();
      return goOn;
    };
    const source = this.#dump(after, { semiSync: !isAsync, batched: isAsync }, take, (text, database) => {
      this.schema.statement(text, database);
      if (!isNoDdl(text)) this.#definitionWatch.ddl();
    });
    source.acknowledge(known);
    this.#hub.begin(after.ordinal);
    this.commitWait.begin(known);
    this.#source = source;
    const ended = new Promise<SkeinError>((resolve) => {
      source.onEnded.on(resolve);
      signal.addEventListener('abort', () => resolve(new SkeinError('ROLE_ENDED', 'The role ended.')), {
        once: true,
      });
    });
    try {
      await source.start();
    } catch (error) {
      return isSkeinError(error)
        ? error
        : new SkeinError('DUMP_UNREACHABLE', messageOf(error), { cause: error });
    }
    return ended;
  }

  // --- watching ------------------------------------------------------------------------------------------------

  /** Where nobody waits for the quorum (`async`), nothing is known to have been done. */
  #advanceXa(): void {
    if (this.#options.acknowledge === 'async') return;
    this.#xa
      .advance(this.positionAt(this.#quorum.answered), monotonicMs())
      .catch((error: unknown) =>
        this.#modules.logger.warn(
          { reason: messageOf(error) },
          'how far the log agrees with the engine was not noted',
        ),
      );
  }

  /** Looks at what the server says of itself; called at every heartbeat (rules C1, C3, M9). */
  watch(reading: ServerReading): void {
    if (this.#phase === 'closed') return;
    if (this.#phase === 'open')
      this.#modules.logEndFile.note(Math.min(this.#quorum.committed, this.received));
    this.#lastReading = reading;
    this.#countSelf(reading);
    // It was a replica, where commits gather (CommitGathering): here clients wait for them.
    if (reading.commitsGather)
      this.#modules
        .control()
        .gatherCommits(false)
        .catch((error: unknown) => {
          this.#modules.logger.warn({ reason: messageOf(error) }, 'commits still gather');
        });
    if (this.#phase === 'open') this.#advanceXa();
    if (this.#options.acknowledge === 'async' || this.#phase !== 'open') return;
    const { enabled, clients, noTx } = reading.semiSync;
    if (!enabled) {
      this.#fence(
        'semi-synchronous replication was switched off on the server: commits were answered without the quorum',
      );
      return;
    }
    // Twice in a row: a twin of our own dump needs a moment to end.
    if (clients > 1 && this.#strangers) {
      this.#fence(
        `${clients} clients are registered for semi-synchronous replication, but only Skein may be: another one could acknowledge commits`,
      );
      return;
    }
    this.#strangers = clients > 1;
    if (this.#unacknowledged !== null && noTx > this.#unacknowledged) {
      this.#modules.events.add(
        'commit.unacknowledged',
        this.#options.node,
        `${noTx - this.#unacknowledged} commit(s) were answered by the server without their quorum (a waiting session was killed).`,
        { count: noTx - this.#unacknowledged },
      );
    }
    this.#unacknowledged = noTx;
  }

  /** A log that may lose what it wrote at a power cut is no copy (rule M9): then one more replica is needed. */
  #countSelf({ syncBinlog, flushAtTrxCommit }: ServerReading): void {
    const counts = syncBinlog === 1 && flushAtTrxCommit === 1;
    if (!this.#quorum.setSelfCounts(counts)) return;
    const text = counts
      ? "the server's own log counts again"
      : "the server's own log does not count any more";
    this.#modules.logger.warn({ syncBinlog, flushAtTrxCommit }, text);
    this.#quorumMoved();
    this.checkQuorum();
  }

  /** The node stops: nothing is told to the server. */
  stop(): void {
    this.#end('The node stops.');
  }
}

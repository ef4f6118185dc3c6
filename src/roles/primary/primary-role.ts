import type { Quorum } from '../../hub/quorum.js';
import type { WelcomeDecision } from '../../link/greeting.js';
import { SkeinError } from '../../model/error.js';
import { isWitness, votersOf } from '../../model/members.js';
import type { Position } from '../../model/position.js';
import { isNoDdl } from '../../promise/ddl-risk.js';
import { monotonicMs } from '../../std/clock.js';
import { Emitter } from '../../std/emitter.js';
import type { AttachInfo } from '../../wire/messages.js';
import { Epochs } from '../epochs.js';
import type { LocalServerUp, ServerReading } from '../local-server.js';
import { XaRecovery } from '../xa-recovery.js';
import { CommitWait } from './commit-wait.js';
import { DefinitionRepair } from './definition-repair.js';
import { DefinitionWatch } from './definition-watch.js';
import { LogDumps } from './log-dumps.js';
import { LogFeed } from './log-feed.js';
import { MemberChanges } from './member-changes.js';
import { NOT_OPENING, type OpeningEvent, openingStep } from './opening.js';
import { OpeningWork } from './opening-work.js';
import { OwnLog } from './own-log.js';
import { PrimaryChecks } from './primary-checks.js';
import type { PrimaryRoleModules, PrimaryRoleOptions } from './primary-parts.js';
import { ReplicaSet } from './replica-set.js';
import { SchemaGuard } from './schema-guard.js';
import { NoCatchUp, SpoolCatchUp } from './spool-catch-up.js';
import { waitsForReplica } from './waits-for-replica.js';

/**
 * The work of the primary in its epoch. The log is fed from the spool, with or without a server (rule E8); what belongs to a run
 * of the server has a scope of its own, see opening.ts for the steps.
 */
export class PrimaryRole {
  readonly #options: PrimaryRoleOptions;
  readonly #modules: PrimaryRoleModules;
  readonly epochs: Epochs;
  /** Reads the server's log. */
  readonly feed: LogFeed;
  readonly #ownLog: OwnLog;
  readonly #xa: XaRecovery;
  readonly #definitions: DefinitionRepair;
  readonly #definitionWatch: DefinitionWatch;
  readonly #checks: PrimaryChecks;
  readonly replicas: ReplicaSet;
  readonly members: MemberChanges;
  readonly schema: SchemaGuard;
  readonly #work: OpeningWork;
  #opening = NOT_OPENING;
  #scope: AbortController | null = null;
  #server: LocalServerUp | null = null;
  #reason: string | null = 'The server is starting.';
  #hadQuorum = false;
  /** The role has ended, so nothing is opened again. */
  #hasEnded = false;
  /** The server, before it is opened. */
  standby: LocalServerUp | null = null;
  /** Why this server cannot serve in this epoch; null = nothing is known against it. */
  unfit: string | null = null;
  /** Why this server is not opened before a person has repaired it: another node that can serve does it sooner. Null = it is opened. */
  unrepaired: string | null = null;
  /** Why reading the log has stopped until an operator has done something. The server may have been opened meanwhile. */
  #stopped: string | null = null;
  /** How long commits wait for their quorum; read by the metrics. */
  readonly commitWait = new CommitWait(monotonicMs);
  readonly onChange = new Emitter<void>();

  constructor(options: PrimaryRoleOptions, modules: PrimaryRoleModules) {
    this.#options = options;
    this.#modules = modules;
    const { node, acknowledge } = options;
    const { logger, flavour, events, election } = modules;
    this.epochs = new Epochs(modules);
    const control = () => modules.control();
    const positionAt = (ordinal: number) => this.positionAt(ordinal);
    const logBegin = async () => this.epochs.positionOf(await control().logBegin());
    const event = (code: string, reason: string) =>
      void events.add('replication.error', node, reason, { code });
    const dumps = new LogDumps(
      { ...options, user: options.replicationUser, password: options.replicationPassword },
      {
        ...{ logger, flavour },
        chain: () => this.epochs.chain,
        socketPath: () => (this.#server ?? this.standby)?.socketPath ?? '',
      },
    );
    this.feed = new LogFeed(options, {
      ...{ logger, events, dumps, positionAt },
      commitWait: this.commitWait,
      replicas: () => this.replicas,
      ownLog: () => this.#ownLog,
      statement: (text, database) => {
        this.schema.statement(text, database);
        if (!isNoDdl(text)) this.#definitionWatch.ddl();
      },
      stopped: (reason) => {
        this.#stopped = reason;
        // Alone, nobody else could go on without the log of this server.
        if (votersOf(this.members.list).length > 1) this.unfit = reason;
        this.#setReason(reason);
      },
      hung: (reason) => this.#fence(reason),
    });
    this.replicas = new ReplicaSet(options, {
      events,
      boots: modules.boots,
      logBegin,
      gtidText: flavour.gtidText,
      chain: () => election.chain,
      keptChain: () => this.epochs.chain,
      isHeard: (replica) => modules.isHeard(replica),
      catchUp: (after, batch) => {
        const { spool } = modules;
        if (after.ordinal + 1 >= spool.begin) return new SpoolCatchUp(spool, after.ordinal, batch);
        return isWitness(options.place) ? new NoCatchUp(node, spool.begin) : dumps.catchUp(after, batch);
      },
      moved: ({ answered, committed }) => {
        this.feed.acknowledge(answered);
        modules.spool.setCommitted(committed);
        this.commitWait.acknowledged(answered);
      },
    });
    this.#ownLog = new OwnLog({
      ...{ logger, flavour, spool: modules.spool, epochs: this.epochs },
      committed: () => this.quorum.committed,
      dump: (after, batch) => dumps.catchUp(after, batch),
      durable: (ordinal) => this.replicas.setOwnDurable(ordinal),
      drained: () => this.feed.resume(),
      failed: (error) => {
        events.add('spool.damaged', node, error.message, { code: error.code });
        modules.fail(error);
      },
    });
    this.members = new MemberChanges(
      { place: options.place, incarnation: modules.spool.incarnation },
      {
        ...{ logger, events, epochs: this.epochs, replicas: this.replicas },
        isOpen: () => this.isOpen,
        isHeard: (replica) => modules.isHeard(replica),
        changed: () => this.onChange.emit(),
        election,
      },
    );
    this.#xa = new XaRecovery({
      file: modules.xaFile,
      control,
      logBegin,
      readLog: (after, until, signal) => dumps.readXa(after, until, signal),
    });
    this.#definitions = new DefinitionRepair({
      ...{ control, event, sql: modules.flavour.definitions },
      file: modules.definitionsFile,
      replicas: () => this.replicas.counted().filter(({ attach }) => !isWitness(attach)),
      waitsForReplica: (waitedMs) => {
        const hasWitness = this.replicas.counted().some(({ attach }) => isWitness(attach));
        return waitsForReplica({ needed: this.replicas.needed, hasWitness }, waitedMs);
      },
      isAlone: () => votersOf(this.members.list).length === 1,
      waiting: (reason) => this.#setReason(reason),
      unrepaired: (reason) => {
        if (reason !== this.unrepaired) event('DEFINITIONS_UNREPAIRED', reason);
        this.unrepaired = reason;
        this.#setReason(reason);
      },
    });
    this.#definitionWatch = new DefinitionWatch({
      logger,
      definitions: this.#definitions,
      found: (reason) => events.add('schema.warning', node, reason, { code: 'DEFINITIONS_DIFFER' }),
      changed: () => this.onChange.emit(),
    });
    this.schema = new SchemaGuard({ node }, { logger, events, control, changed: () => this.onChange.emit() });
    this.#checks = new PrimaryChecks(
      { node, acknowledge },
      {
        ...{ logger, events, control, positionAt },
        logEndFile: modules.logEndFile,
        openMark: modules.openMark,
        spool: modules.spool,
        xa: this.#xa,
        replicas: this.replicas,
        fence: (why) => this.#fence(why),
        changed: () => this.onChange.emit(),
      },
    );
    this.#work = new OpeningWork(options, {
      ...modules,
      epochs: this.epochs,
      feed: this.feed,
      ownLog: this.#ownLog,
      replicas: this.replicas,
      xa: this.#xa,
      definitions: this.#definitions,
      checks: this.#checks,
      onChange: this.onChange,
      waiting: (reason) => this.#setReason(reason),
      fence: (why) => this.#fence(why),
      unfit: (reason) => {
        this.unfit = reason;
      },
      opened: () => this.#opened(),
    });
    this.replicas.hub.onCapacity.on(() => this.feed.resume());
    this.replicas.onAttached.on(() => this.checkQuorum());
  }

  /** Warnings about the server and its schema, for users. */
  get warnings(): string[] {
    return [...this.#checks.warnings, ...this.schema.warnings, ...this.#definitionWatch.warnings];
  }

  /** The server serves clients. */
  get isOpen(): boolean {
    return this.#opening.step === 'serving';
  }

  get reason(): string | null {
    return this.#reason;
  }

  get epoch(): number {
    return this.epochs.current;
  }

  get quorum(): Quorum {
    return this.replicas.quorum;
  }

  get received(): number {
    return Math.max(this.feed.received, this.#ownLog.end.ordinal);
  }

  /** Number of attached voters, including the primary. */
  get attachedVoters(): number {
    return 1 + this.replicas.heard;
  }

  /** Bytes of records made from the binary log since the role began. */
  get bytesRead(): number {
    return this.feed.bytesRead;
  }

  /** A request waits for a position, so the log is read without waiting for a batch. */
  readNow(): void {
    this.feed.readNow();
  }

  get waitingCommits(): number {
    return this.#checks.waitingCommits;
  }

  /** The position of the group with this ordinal in the cluster's history. */
  positionAt(ordinal: number): Position {
    return this.epochs.positionAt(ordinal);
  }

  // --- the epoch -----------------------------------------------------------------------------------------------

  /** The beginning of the epoch is on this node's disk: the log is fed from the spool, with or without a server. */
  async begin(): Promise<void> {
    const { boots, spool } = this.#modules;
    await boots.load();
    this.replicas.begin(spool.end.ordinal, spool.committed());
    // What is before comes from the spool.
    this.replicas.hub.begin(spool.end.ordinal);
    this.replicas.setOwnDurable(spool.durable.ordinal);
    this.#setReason('A majority of the voters has to have the beginning of this epoch.');
  }

  /** The beginning is on a majority. */
  led(): void {
    this.replicas.settle(this.epochs.began);
    this.members.began();
    this.#setReason(
      isWitness(this.#options.place)
        ? 'This witness has the lead only to hand it over. No node with a server can take it now.'
        : 'The server of this node is being opened.',
    );
  }

  /** This node is not the primary any more. Sessions and the reading of the log end at once. */
  end(reason: string): void {
    this.#hasEnded = true;
    this.#end(reason);
    this.members.ended();
    const lost = new SkeinError('ROLE_LOST', `The primary is closed: ${reason}`);
    this.replicas.end(`the primary is closed: ${reason}`, lost);
    this.#ownLog.stop();
  }

  // --- the runs of the server ----------------------------------------------------------------------------------

  /** The server has started. Resolves when the primary is open, or when the server is down again. */
  async serverUp(up: LocalServerUp): Promise<void> {
    if (this.#hasEnded) return;
    this.#server = up;
    this.#step({ kind: 'up', adopted: up.adopted, crashed: up.crashed });
    let signal = this.#newScope();
    while (this.#opening.step !== 'closed' && this.#opening.step !== 'serving') {
      const { step } = this.#opening;
      const beganMs = monotonicMs();
      const event = await this.#work.run(this.#opening, signal);
      this.#modules.logger.debug(
        { step, event: event.kind, durationMs: Math.round(monotonicMs() - beganMs) },
        'opening',
      );
      if (signal.aborted) return;
      if (event.kind === 'retry') signal = this.#newScope();
      this.#step(event);
    }
  }

  serverDown(reason: string): void {
    this.#server = null;
    this.#end(reason);
  }

  #opened(): void {
    this.#hadQuorum = true;
    this.#reason = this.#stopped;
    this.#modules.events.add(
      'role.open',
      this.#options.node,
      `Open as primary of epoch ${this.epoch}: the quorum has the whole log.`,
      { epoch: this.epoch },
    );
    this.#modules.election.served(this.epoch);
    this.schema.opened({ crashed: this.#opening.crashed });
    this.#definitionWatch.opened();
  }

  #step(event: OpeningEvent): void {
    this.#opening = openingStep(this.#opening, event);
    this.unrepaired = null;
    this.onChange.emit();
    if (!this.isOpen) return;
    // With `all` it opens although a voter is away, and says that writes wait.
    this.checkQuorum();
    this.members.look();
  }

  #setReason(reason: string | null): void {
    this.#reason = reason ?? this.#stopped;
    this.onChange.emit();
  }

  #newScope(): AbortSignal {
    this.#clear('The server has just been started.');
    this.#scope = new AbortController();
    return this.#scope.signal;
  }

  /** Ends everything that belongs to a run of the server. */
  #clear(reason: string): void {
    this.#scope?.abort(new SkeinError('ROLE_ENDED', reason));
    this.#scope = null;
    this.schema.closed();
    this.#definitionWatch.closed();
    this.feed.stop();
    this.#checks.end();
    this.#stopped = null;
    this.unrepaired = null;
    this.#hadQuorum = false;
  }

  #end(reason: string): void {
    const wasOpen = this.isOpen;
    this.#opening = openingStep(this.#opening, { kind: 'ended' });
    this.#reason = reason;
    this.#clear(reason);
    if (wasOpen) this.#modules.events.add('role.closed', this.#options.node, reason, { epoch: this.epoch });
    this.onChange.emit();
    this.replicas.onCommitted.emit();
  }

  #fence(why: string): void {
    this.#modules.events.add(
      'fence',
      this.#options.node,
      `The node kills the server and starts it again: ${why}.`,
    );
    this.#end(why);
    void this.#modules.kill(why);
  }

  // --- replicas ------------------------------------------------------------------------------------------------

  welcome(attach: AttachInfo): WelcomeDecision {
    if (this.#hasEnded) return { refuse: 'NOT_OPEN', message: this.#reason ?? 'This epoch has ended.' };
    const refusal = this.members.refusalOf(attach);
    if (refusal !== null) return refusal;
    return { epoch: this.epoch, chain: this.epochs.chain, committedOrdinal: this.quorum.released };
  }

  /** The attached replicas, or their heartbeats, may have changed. */
  checkQuorum(): void {
    const { hasQuorum: has, mayOpen } = this.replicas;
    if (this.#opening.step === 'awaitQuorum' && !mayOpen) this.#reason = this.replicas.missing;
    if (this.isOpen && has !== this.#hadQuorum) this.#noteQuorum(has);
    this.onChange.emit();
  }

  #noteQuorum(has: boolean): void {
    const { events } = this.#modules;
    const data = { needed: this.replicas.needed + 1, attached: this.attachedVoters };
    this.#hadQuorum = has;
    if (has) {
      this.#reason = this.#stopped;
      events.add('quorum.regained', this.#options.node, 'Writes are answered again.', data);
    } else {
      this.#reason = `Only ${data.attached} of the ${data.needed} nodes needed are attached: writes wait, reads go on.${this.replicas.uncounted}`;
      events.add('quorum.lost', this.#options.node, this.#reason, data);
    }
  }

  // --- watching ------------------------------------------------------------------------------------------------

  /** Checks the status of the server. Called at every heartbeat. */
  watch(reading: ServerReading): void {
    // A change of the members that was refused is tried again.
    if (this.isOpen) this.members.look();
    this.#checks.look(reading, { isOpen: this.isOpen, received: this.received });
  }

  /** The node stops. The role leaves the server as it is. */
  stop(): void {
    this.#end('The node stops.');
    this.#ownLog.stop();
  }
}

import type { Openness, Readiness } from '../../api/node-view.js';
import type { Fitness } from '../../election/state.js';
import { LinkDialer } from '../../link/dialer.js';
import type { WelcomeDecision } from '../../link/greeting.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import type { MetricFamily } from '../../metrics/text.js';
import { listInForce } from '../../model/chain.js';
import { SkeinError } from '../../model/error.js';
import { memberNamed, votersOf } from '../../model/members.js';
import type { Position } from '../../model/position.js';
import { LOG_PURGED } from '../../model/seed.js';
import {
  type ClusterStatus,
  type MemberState,
  type MembersDocument,
  memberRole,
} from '../../model/status.js';
import { monotonicMs } from '../../std/clock.js';
import { Emitter } from '../../std/emitter.js';
import type {
  AttachInfo,
  DefinitionsQuery,
  DefinitionsReply,
  HeartbeatBody,
  SeedOrder,
  Welcome,
} from '../../wire/messages.js';
import { bareStatus, membersDocument, ownStatus, seenFromReplica } from '../cluster-status.js';
import { linkSettings } from '../link-settings.js';
import type { LocalServerUp, ReplicaThreads, ServerReading } from '../local-server.js';
import { replicaMetrics } from '../metrics.js';
import { isOnlyVoter } from '../only-voter.js';
import {
  type Assignment,
  type NodeParts,
  noChange,
  noConfirming,
  noVerifying,
  type RolePositions,
  type RoleScope,
} from '../role-node.js';
import { type SeedTarget, seedOfWitness } from '../seed-parts.js';
import { spoolBase } from '../spool-base.js';
import { dialAddress } from './dial-address.js';
import { FormerServer } from './former-server.js';
import { lateReason } from './late-reason.js';
import { lostChain } from './lost-chain.js';
import type { ReplicaRole } from './replica-role.js';
import { replicaRoleOf } from './replica-role-of.js';
import { logHeld, WitnessLog } from './witness-log.js';

/** The replica as a role of the node: the replica's work, and the link to the primary. */
export class ReplicaNode implements RoleScope {
  readonly role = 'replica' as const;
  readonly onChange = new Emitter<void>();
  readonly onStatus = new Emitter<void>();
  readonly onMoved = new Emitter<void>();
  readonly #parts: NodeParts;
  readonly #replica: ReplicaRole;
  /** The primary that it follows; null = none is known. */
  #primary: string | null;
  /** The epoch for which that primary was elected; undefined = none is known. */
  #epoch: number | undefined;
  readonly #former: FormerServer;
  /** Null = this node has a server. */
  readonly #witnessLog: WitnessLog | null;
  #dialer: LinkDialer | null = null;
  #dialling: Promise<void> = Promise.resolve();
  #linkUp = false;
  #linkReason = 'The link to the primary is not up yet.';
  /** The status that the primary sent last; null = none yet. */
  #primaryStatus: ClusterStatus | null = null;
  #heardAtMs: number | null = null;
  #serverIsUp = false;
  /** Why no records are taken; null = they are taken. */
  #held: string | null = null;
  readonly #offSeeding: () => void;
  readonly #stopped = new AbortController();
  #since = new Date().toISOString();
  #state: MemberState = 'joining';
  /** Why this node stays closed; null = it does not. */
  readonly #lost: string | null;

  constructor(parts: NodeParts, primary: string | null, epoch?: number) {
    this.#parts = parts;
    this.#primary = primary;
    this.#epoch = epoch;
    this.#lost = lostChain(parts);
    const { config, logger, flavour } = parts;
    this.#replica = replicaRoleOf(parts, {
      ack: (ack) => this.#dialer?.ack(ack),
      adopted: (place) => this.#dialer?.adopted(place),
      resumeLink: () => {
        if (this.#held === null) this.#dialer?.resume();
      },
      restartSpool: (position) => this.#restartSpool(position),
    });
    this.#former = new FormerServer(parts, {
      ask: (query) => this.#dialer?.askDefinitions(query) ?? false,
      isReplica: (up) => this.serverUp(up),
      committed: () => this.#replica.seedDecision.committed,
      signal: this.#stopped.signal,
    });
    this.#witnessLog = !config.witness
      ? null
      : new WitnessLog({
          ...{ logger, flavour, spool: parts.spool },
          beginAfter: (position) => this.#emptySpool(position),
          beginAnewAfter: (position) => this.#restartSpool(position),
        });
    this.#offSeeding = parts.seeding.onChange.on(() => this.onChange.emit());
  }

  async orderSeed(node: string, { order, reason }: SeedOrder): Promise<void> {
    const { config, seeding, spool } = this.#parts;
    if (config.witness) throw seedOfWitness(node);
    if (node !== config.name)
      throw new SkeinError(
        'NOT_PRIMARY',
        `${config.name} is a replica and fills only itself. Send the request for ${node} to the primary.`,
      );
    if (order === 'cancel') await seeding.cancel(reason);
    else
      seeding.need({ cause: 'operator', reason, closes: false, trouble: `operator at ${spool.end.ordinal}` });
  }

  seedTarget(): SeedTarget {
    return {
      committed: () => this.#replica.seedDecision.committed,
      applied: () => this.#replica.followedTo,
      restartSpool: (position) => this.#restartSpool(position),
      dataReplaced: () => this.#replica.dataReplaced(),
    };
  }

  /** Closes the link and dials again afterwards, because the records of the old link continue the old end of the spool. */
  #restartSpool(position: Position): Promise<void> {
    const restarted = this.#dialling.then(async () => {
      await this.#hangUp('the spool is restarted');
      await this.#emptySpool(position);
    });
    const primary = this.#primary;
    this.#dialling = restarted.catch(() => {}).then(() => this.#dialTo(primary));
    return restarted;
  }

  #emptySpool(position: Position): Promise<void> {
    const { spool, flavour, chainFile } = this.#parts;
    return spool.restartAfter(spoolBase(position, { chain: chainFile.chain, flavour }));
  }

  #dialTo(primary: string | null): void {
    if (this.#primary !== primary) return;
    this.#dialer = this.#dial(primary);
    this.#dialer?.start();
    this.onChange.emit();
  }

  #dial(primary: string | null): LinkDialer | null {
    const { logger, events, chainFile, config } = this.#parts;
    if (!this.#mayDial()) return null;
    const facts = { primary, ...config };
    const first = dialAddress({ ...facts, chain: chainFile.chain }, 0);
    if (first === null) return null;
    return new LinkDialer(
      {
        address: (failures) => dialAddress({ ...facts, chain: chainFile.chain }, failures) ?? first,
        ...linkSettings(this.#parts),
      },
      {
        logger: logger.child({ part: 'link' }),
        attachInfo: () => this.#attachInfo(),
        welcomed: async (welcome) => {
          this.#refuseOtherEpoch(welcome);
          await this.#replica.welcomed(welcome);
          await this.#witnessLog?.welcomed(welcome);
          // The node may have dialled an address without knowing the name.
          this.#primary ??= welcome.node;
          this.onChange.emit();
        },
        list: (message) => this.#replica.list(message),
        records: (bytes, committed) => {
          if (this.#held !== null && this.#witnessLog !== null) throw logHeld(this.#held);
          return this.#replica.records(bytes, committed) && this.#held === null;
        },
        committed: (ordinal) => this.#replica.committed(ordinal),
        status: (status) => {
          this.#primaryStatus = status;
          this.#heardAtMs = monotonicMs();
          if (this.#epoch !== undefined) this.#witnessLog?.told(status, this.#epoch);
          this.onChange.emit();
        },
        heartbeat: () => this.heartbeat(),
        seedOrder: (order) => void this.orderSeed(config.name, order).catch(() => {}),
        definitions: (query) => this.#definitions(query),
        defined: (reply) => this.#former.defined(reply),
        verify: (ask) => this.#replica.verify.answer(ask),
        heard: (heartbeat, heardAtMs) => {
          this.#heardAtMs = heardAtMs;
          this.#replica.heard(heartbeat, heardAtMs);
        },
        state: (state, reason, code) => {
          this.#linkUp = state === 'up';
          this.#linkReason = reason;
          this.#noteState();
          if (state === 'up') this.#former.linkUp();
          else this.#former.linkDown();
          if (code === LOG_PURGED) (this.#witnessLog ?? this.#replica.seedDecision).logPurged(reason);
          events.add(state === 'up' ? 'link.up' : 'link.down', this.#primary ?? 'the first contact', reason, {
            code,
          });
        },
      },
    );
  }

  async start(): Promise<void> {
    const { config, events } = this.#parts;
    if (this.#lost !== null) events.add('replication.error', config.name, this.#lost, { code: 'CHAIN_LOST' });
    await this.#replica.start();
    this.follow(this.#primary, this.#epoch);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('The role ends.'));
    this.#offSeeding();
    await this.#hangUp('the node stops');
    await this.#replica.stop();
  }

  /** Heartbeats of a primary come by the links of the election. Only a new node has to ask for its cluster. */
  #mayDial(): boolean {
    const { chainFile, election } = this.#parts;
    return this.#epoch === undefined ? chainFile.chain.length === 0 : election.isCurrent(this.#epoch);
  }

  /** A node that knows of a newer epoch, or has promised one, shows it: an older primary is refused (rule H1). */
  #attachInfo(): AttachInfo {
    const info = this.#replica.attachInfo();
    return { ...info, epoch: Math.max(info.epoch, this.#epoch ?? 0) };
  }

  /** A vote may have been given for a newer epoch, or the promise for this one is not on the disk yet (rule E13). */
  #refuseOtherEpoch({ node, epoch }: Welcome): void {
    const { election } = this.#parts;
    if (epoch === this.#epoch && election.isCurrent(epoch)) return;
    throw new SkeinError(
      'EPOCH_CHANGED',
      `${node} is the primary of epoch ${epoch}, and this node follows ${this.#epoch === undefined ? 'none' : `epoch ${this.#epoch}`}.`,
    );
  }

  /** The link to the previous primary is closed first, so that the node never acknowledges to two primaries (rule H1). */
  follow(primary: string | null, epoch?: number): void {
    if (this.#dialer !== null && this.#primary === primary && this.#epoch === epoch) return;
    this.#primary = primary;
    this.#epoch = epoch;
    this.#dialling = this.#dialling
      .then(() => this.#hangUp('this node follows another primary'))
      .then(() => {
        if (this.#primary === primary)
          this.#primaryStatus = this.#primaryStatus && { ...this.#primaryStatus, primary };
        this.#dialTo(primary);
      });
  }

  async #hangUp(reason: string): Promise<void> {
    const dialer = this.#dialer;
    this.#dialer = null;
    await dialer?.stop(reason);
    this.#linkUp = false;
    this.#former.linkDown();
    this.#noteState();
  }

  /**
   * The node is elected. After this, it takes nothing more from the old primary. It feeds the others first: what is committed of
   * the log comes out then (rule C9), and its server executes the rest of it.
   */
  async end(_next: Assignment): Promise<ReplicaRole | null> {
    this.#stopped.abort(new Error('The role ends.'));
    await this.endLinks('this node gets another role');
    await this.#former.ended();
    this.#offSeeding();
    // A server that died as the primary before has to execute the rest of the log like that of a replica.
    const { up } = this.#former;
    const isRunning = up !== null && (isOnlyVoter(this.#parts) || !up.crashed);
    if (!isRunning) return this.#replica;
    await this.#replica.stop();
    return null;
  }

  endLinks(reason: string): Promise<void> {
    this.#primary = null;
    this.#epoch = undefined;
    // At once, also when it is about to dial.
    const hungUp = this.#hangUp(reason);
    this.#dialling = this.#dialling.then(() => hungUp).then(() => this.#hangUp(reason));
    return this.#dialling;
  }

  /** A server that is to be filled never gets where it is asked for, and the primary must not wait for it. */
  async #definitions(query: DefinitionsQuery): Promise<DefinitionsReply> {
    if (this.#witnessLog !== null)
      return { id: query.id, definitions: {}, failed: 'This node is a witness: it has no server.' };
    if (!this.#parts.seeding.isRunning && this.#former.up === null) return this.#replica.definitions(query);
    return { id: query.id, definitions: {}, failed: 'The server of this replica is to be filled.' };
  }

  get isDecided(): boolean {
    return this.#linkUp && this.#epoch !== undefined;
  }

  get fitness(): Pick<Fitness, 'serves'> {
    const { seeding } = this.#parts;
    if (this.#lost !== null || seeding.isRunning || this.#replica.checks.closed !== null)
      return { serves: 'no' };
    if (this.#former.up !== null) return { serves: this.#former.up.crashed ? 'last' : 'yes' };
    return { serves: this.#serverIsUp && this.#parts.serverSilence() === null ? 'yes' : 'no' };
  }

  welcome({ node }: AttachInfo): WelcomeDecision {
    if (this.#lost !== null) return { refuse: 'NOT_PRIMARY', message: this.#lost };
    const message = `${this.#parts.config.name} is a replica${this.#primary === null ? '' : `; it follows ${this.#primary}`}.`;
    const primaryLink = memberNamed(listInForce(this.#parts.chainFile.chain), this.#primary)?.link;
    return {
      refuse: 'NOT_PRIMARY',
      message: `${node} cannot attach: ${message}`,
      ...(primaryLink && { primary: primaryLink }),
    };
  }

  attached(session: ReplicaSession): void {
    session.close(`${this.#parts.config.name} is a replica.`);
  }

  async serverUp(up: LocalServerUp): Promise<void> {
    // The server may be that of the primary. It stays closed, as it was started.
    if (this.#lost !== null) return;
    if (this.#parts.openMark.epoch !== null) {
      await this.#former.take(up).finally(() => this.onChange.emit());
      return;
    }
    await this.#replica.serverUp(up);
    this.#serverIsUp = true;
    this.#noteState();
    this.onChange.emit();
  }

  serverDown(): void {
    this.#former.serverDown();
    this.#serverIsUp = false;
    this.#replica.serverDown();
    this.#noteState();
    this.onChange.emit();
  }

  watch(reading: ServerReading): void {
    this.#replica.watch(reading);
    this.onMoved.emit();
    // The check may have found that the data has diverged.
    this.onChange.emit();
  }

  watchThreads(threads: ReplicaThreads | null): Promise<void> {
    return this.#replica.watchThreads(threads);
  }

  epoch(): number {
    return this.#replica.epoch;
  }

  #noteState(): void {
    const state: MemberState = this.#linkUp ? 'live' : 'joining';
    if (state === this.#state) return;
    this.#state = state;
    this.#since = new Date().toISOString();
  }

  #whyDown(): string {
    return this.#former.reason ?? 'The server of this replica is down or starting.';
  }

  #reason(): string | null {
    if (this.#lost !== null) return this.#lost;
    const removal = this.#parts.election.removal();
    if (removal !== null) return removal;
    if (this.#parts.seeding.closed !== null) return this.#parts.seeding.closed;
    if (!this.#serverIsUp && this.#witnessLog === null) return this.#replica.closed ?? this.#whyDown();
    return (
      this.#parts.serverSilence() ??
      this.#replica.reason ??
      this.#held ??
      (this.#linkUp ? null : this.#linkReason)
    );
  }

  /** A replica serves reads even without the primary. They show committed data that gets older. */
  isOpen(): Openness {
    const closed = this.#lost ?? this.#parts.seeding.closed ?? this.#replica.closed;
    if (closed) return { open: false, code: 'NOT_OPEN', reason: closed };
    if (!this.#serverIsUp) return { open: false, code: 'SERVER_DOWN', reason: this.#whyDown() };
    return { open: true };
  }

  ready(): Readiness {
    const lagMs = this.#lagMs;
    const isWitness = this.#witnessLog !== null;
    const reason = this.#reason() ?? (isWitness ? null : lateReason(lagMs, this.#replica.positions));
    const { state } = this.#replica.checks.applier;
    const shown = this.#state === 'live' && state !== 'running' ? state : this.#state;
    return { ok: reason === null, role: memberRole(this.role, isWitness), state: shown, lagMs, reason };
  }

  /** A witness executes nothing, so it is not behind. */
  get #lagMs(): number | null {
    return this.#witnessLog === null ? this.#replica.lagMs() : null;
  }

  heartbeat(): HeartbeatBody {
    return {
      ...this.#parts.heartbeatBase(),
      role: 'replica',
      epoch: this.#replica.epoch,
      positions: this.#replica.positions,
      lagMs: this.#lagMs,
      applier: this.#replica.checks.applier,
      seeding: this.#parts.seeding.progress,
      reason: this.#reason(),
    };
  }

  clusterStatus(): ClusterStatus {
    const { config, chainFile } = this.#parts;
    const own = ownStatus({
      heartbeat: this.heartbeat(),
      state: this.#state,
      voter: votersOf(listInForce(chainFile.chain)).includes(config.name),
      witness: config.witness,
      since: this.#since,
    });
    const fallback = bareStatus(config, { chain: chainFile.chain, primary: this.#primary, own });
    const silentMs = this.#heardAtMs === null ? null : Math.round(monotonicMs() - this.#heardAtMs);
    return seenFromReplica(this.#primaryStatus, own, fallback, {
      up: this.#linkUp,
      silentMs,
      reason: this.#linkReason,
    });
  }

  positions(): RolePositions {
    const { received, committed, applied } = this.#replica.positions;
    return {
      ...{ count: null, received, committed, everywhere: 0, answered: 0, applied, durable: [] },
      lagMs: this.#lagMs,
    };
  }

  voters(): readonly string[] {
    return [];
  }

  members(): MembersDocument {
    const { config, clusterId, chainFile } = this.#parts;
    const change = this.#linkUp ? (this.#primaryStatus?.change ?? null) : null;
    return membersDocument({ cluster: config.cluster, clusterId }, chainFile.chain, change);
  }

  changeMembers = noChange;

  /**
   * While the disk is full, the node does not read the link. So the primary keeps the missing records, and no failed write ends
   * the node (rule H12). A witness hangs up and asks again: what makes room is the primary's status, which would wait behind the records.
   */
  async holdWrites(reason: string | null): Promise<void> {
    const changes = (this.#held === null) !== (reason === null);
    this.#held = reason;
    if (!changes) return;
    if (reason === null) this.#dialer?.resume();
    this.onChange.emit();
  }

  /** A replica need not do anything: the primary sends the records. */
  readNow(): void {}

  metrics(): MetricFamily[] {
    const { spool, fsyncTimes } = this.#parts;
    return replicaMetrics({
      linkUp: this.#linkUp,
      links: this.#primary !== null && this.#dialer ? [{ peer: this.#primary, ...this.#dialer.bytes }] : [],
      spool: { files: spool.files, isDamaged: spool.damage !== null, fsync: fsyncTimes },
    });
  }

  verify = noVerifying;

  confirmPrimary = noConfirming;
}

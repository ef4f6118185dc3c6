import { join } from 'node:path';
import type { Openness } from '../../api/node-view.js';
import type { Fitness } from '../../election/state.js';
import type { WelcomeDecision } from '../../link/greeting.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import { Membership } from '../../membership/driver.js';
import type { MetricFamily } from '../../metrics/text.js';
import { type Chain, type ChainPlace, listedNames } from '../../model/chain.js';
import { SkeinError } from '../../model/error.js';
import { isWitness, isWitnessNamed, type MemberChange, votersOf } from '../../model/members.js';
import type { ClusterStatus, MemberStatus, MembersDocument } from '../../model/status.js';
import { Emitter } from '../../std/emitter.js';
import type { Histogram } from '../../std/histogram.js';
import type { AttachInfo, DefinitionsQuery, HeartbeatBody, SeedOrder } from '../../wire/messages.js';
import { membersDocument, ownStatus } from '../cluster-status.js';
import { forcedWarning } from '../forced-warning.js';
import { LinkBytes } from '../link-bytes.js';
import type { LocalServerUp, ReplicaThreads, ServerReading } from '../local-server.js';
import { LogEndFile } from '../log-end-file.js';
import { primaryMetrics } from '../metrics.js';
import type { NodeParts, RolePositions, RoleScope } from '../role-node.js';
import { type SeedTarget, seedOfWitness } from '../seed-parts.js';
import { TimeZoneGuard } from '../time-zones.js';
import { xaFile } from '../xa-file.js';
import { BootNumbers } from './boot-numbers.js';
import { definitionsFile } from './definitions-file.js';
import { ElectedTerm, type ElectedTermOptions } from './elected-term.js';
import { answerFormer } from './former-answer.js';
import { PrimaryRole } from './primary-role.js';
import { reportFile } from './verify/report-file.js';
import { Verifier } from './verify/verifier.js';
import { WriteHold } from './write-hold.js';

/** The primary as a role of the node: the primary's work, the membership of the replicas, and the comparison of rows. */
export class PrimaryNode implements RoleScope {
  readonly role = 'primary' as const;
  readonly onChange = new Emitter<void>();
  readonly onStatus = new Emitter<void>();
  readonly onMoved: Emitter<void>;
  readonly #parts: NodeParts;
  readonly #primary: PrimaryRole;
  readonly #term: ElectedTerm;
  readonly #hold: WriteHold;
  readonly #members: Membership;
  readonly #timeZones: TimeZoneGuard;
  readonly #verifier: Verifier;
  readonly #links = new LinkBytes();
  #chain: Chain | null = null;
  #isEnding = false;
  #since = new Date().toISOString();

  constructor(parts: NodeParts, elected: ElectedTermOptions) {
    this.#parts = parts;
    const { config, logger, flavour, chainFile, events, openMark, election } = parts;
    this.#primary = new PrimaryRole(
      {
        node: config.name,
        place: parts.place,
        acknowledge: config.acknowledge,
        hubWindowBytes: config.hubWindowBytes,
        annotateRows: config.annotateRows,
        replicationUser: 'skein_repl',
        replicationPassword: parts.passwordOf('skein_repl'),
      },
      {
        logger: logger.child({ part: 'primary' }),
        ...{ flavour, chainFile, openMark, election },
        xaFile: xaFile(join(config.directory, 'state')),
        definitionsFile: definitionsFile(join(config.directory, 'state')),
        logEndFile: new LogEndFile(join(config.directory, 'state'), { logger }),
        boots: new BootNumbers(join(config.directory, 'state'), { logger }),
        events,
        control: () => parts.control(),
        spool: parts.spool,
        fail: (error) => parts.fail(error),
        kill: (reason) => parts.kill(reason),
        crashHandled: () => parts.crashHandled(),
        prepareSystem: () => parts.prepareSystem(),
        isHeard: (node) => ['live', 'joining'].includes(this.#members.state(node) ?? 'gone'),
      },
    );
    this.#hold = new WriteHold({
      logger: logger.child({ part: 'primary' }),
      control: () => parts.control(),
      isOpen: () => this.#primary.isOpen,
      changed: () => this.#primary.onChange.emit(),
    });
    this.#term = new ElectedTerm(elected, {
      parts,
      primary: this.#primary,
      hold: this.#hold,
      changed: () => this.#primary.onChange.emit(),
    });
    this.onMoved = this.#primary.replicas.onMoved;
    this.#members = new Membership(
      {
        heartbeatIntervalMs: config.heartbeatIntervalMs,
        lateAfterMs: config.lateAfterMs,
        goneAfterMs: config.goneAfterMs,
        isVoter: (name) => votersOf(this.#primary.members.list).includes(name),
        isWitness: (name) => this.#isWitness(name),
      },
      { logger: logger.child({ part: 'membership' }) },
    );
    this.#timeZones = new TimeZoneGuard({
      own: () => parts.heartbeatBase().timeZones ?? null,
      found: (reason) => events.add('schema.warning', config.name, reason, { code: 'TIME_ZONES_DIFFER' }),
      changed: () => this.onStatus.emit(),
    });
    this.#members.onChange.on(({ member, from, to, reason }) => {
      events.add('member.state', member, reason, { from, to });
      this.#primary.checkQuorum();
      this.#primary.members.look();
      this.onStatus.emit();
    });
    this.#setMembers();
    this.#verifier = this.#makeVerifier();
    let { isOpen } = this.#primary;
    this.#primary.onChange.on(() => {
      this.#setMembers();
      this.onChange.emit();
      if (this.#primary.isOpen !== isOpen) this.#since = new Date().toISOString();
      isOpen = this.#primary.isOpen;
      if (isOpen) this.#verifier.opened();
      else this.#verifier.closed();
      this.onStatus.emit();
    });
  }

  #isWitness(name: string): boolean {
    return isWitnessNamed(this.#primary.members.list, name);
  }

  #setMembers(): void {
    const { chain } = this.#parts.chainFile;
    if (chain === this.#chain) return;
    this.#chain = chain;
    this.#members.setMembers(listedNames(chain).filter((name) => name !== this.#parts.config.name));
  }

  #makeVerifier(): Verifier {
    const { config, logger, flavour, events, control } = this.#parts;
    const primary = this.#primary;
    const others = () =>
      this.#members.list().filter(({ name, witness }) => name !== config.name && witness !== true);
    return new Verifier(
      { node: config.name, intervalHours: config.verifyIntervalHours },
      {
        logger: logger.child({ part: 'verify' }),
        events,
        file: reportFile(join(config.directory, 'state'), { logger }),
        session: () => control().session(),
        sql: flavour.sql,
        trail: primary.feed.trail,
        positionAt: (ordinal) => primary.positionAt(ordinal),
        countOf: (position) => flavour.countOf(position),
        ordinalAtPlace: (file, position) => primary.feed.places.ordinalAt(file, position),
        received: () => primary.received,
        readNow: () => primary.readNow(),
        attached: () => primary.replicas.sessions.filter(({ attach }) => !isWitness(attach)),
        expected: () => others().map(({ name }) => name),
        isCaughtUp: (node) => others().some((member) => member.name === node && isCaughtUp(member)),
        changed: () => this.onStatus.emit(),
      },
    );
  }

  verify(): Verifier {
    return this.#verifier;
  }

  async start(): Promise<void> {
    this.#members.start();
    await this.#primary.begin();
    const { election } = this.#parts;
    if (!election.isCurrent(this.#term.epoch)) await this.endLinks('a newer epoch has begun');
  }

  async stop(): Promise<void> {
    await this.#term.stop();
    this.#primary.stop();
    this.#members.stop();
  }

  async end(): Promise<null> {
    this.#isEnding = true;
    // From now on nothing allows writes on the server again.
    await this.#hold.end();
    this.#primary.end('another epoch has begun');
    await this.#term.end();
    this.#members.stop();
    return null;
  }

  /** The ports, the reading of the log and the links of replicas end before this returns. */
  endLinks(reason: string): Promise<void> {
    this.#isEnding = true;
    this.#primary.end(reason);
    return Promise.resolve();
  }

  /** Null = this epoch is not that of this primary, or it has ended here. */
  term(epoch: number): ElectedTerm | null {
    return this.#term.epoch === epoch && !this.#isEnding ? this.#term : null;
  }

  get termEpoch(): number {
    return this.#term.epoch;
  }

  /** The beginning of the elected epoch is on a majority. */
  led(): void {
    this.#term.led();
    this.#primary.led();
  }

  announced(isSettled: boolean): void {
    this.#primary.replicas.chainChanged();
    this.#primary.members.announced(isSettled);
  }

  get isDecided(): boolean {
    return this.#term.isDecided;
  }

  get fitness(): Pick<Fitness, 'serves'> {
    return this.#term.fitness;
  }

  follow(): void {}

  welcome(attach: AttachInfo): WelcomeDecision {
    return this.#primary.welcome(attach);
  }

  attached(session: ReplicaSession): void {
    this.#members.attach(session);
    this.#links.add(session);
    session.onHeartbeat.on(({ timeZones }) => this.#timeZones.heard(session.node, timeZones));
    session.onClosed.on(() => this.#timeZones.left(session.node));
    this.#primary.replicas.attach(session);
    session.onDefinitionsQuery.on((query) => void this.#answerFormer(session, query));
    this.#tellAdopted(session);
  }

  async #answerFormer(session: ReplicaSession, query: DefinitionsQuery): Promise<void> {
    const { flavour, control } = this.#parts;
    const isOpen = () => this.#primary.isOpen;
    session.sendDefinitions(await answerFormer(query, { flavour, control, isOpen }));
  }

  /** The election counts who has adopted the newest entry of the chain. */
  #tellAdopted({ node: from, attach: { incarnation, adopted }, onAdopted }: ReplicaSession): void {
    const { election } = this.#parts;
    const { epoch } = this.#term;
    const tell = (place: ChainPlace) => election.adopted({ from, incarnation, epoch, place });
    if (adopted) tell(adopted);
    onAdopted.on(tell);
  }

  serverUp(up: LocalServerUp): Promise<void> {
    this.#hold.forget();
    return this.#term.serverUp(up);
  }

  serverDown(reason: string): void {
    this.#hold.forget();
    this.#term.serverDown(reason);
    this.onChange.emit();
  }

  watch(reading: ServerReading): void {
    this.#term.watch(reading);
  }

  async watchThreads(threads: ReplicaThreads | null): Promise<void> {
    await this.#term.watchThreads(threads);
  }

  epoch(): number {
    return this.#primary.epoch;
  }

  isOpen(): Openness {
    const { isOpen, reason } = this.#primary;
    if (isOpen) return this.#term.closed ?? { open: true };
    const code = this.#isEnding ? 'NOT_OPEN' : 'NO_QUORUM';
    return { open: false, code, reason: reason ?? 'The primary is not open yet.' };
  }

  ready() {
    const reason = this.#reason;
    return {
      ok: this.#primary.isOpen && reason === null,
      role: this.role,
      state: this.#state(),
      lagMs: 0,
      reason,
    };
  }

  get #reason(): string | null {
    return this.#primary.reason ?? this.#hold.reason ?? this.#parts.serverSilence();
  }

  #state() {
    return this.#primary.isOpen ? ('live' as const) : ('joining' as const);
  }

  heartbeat(): HeartbeatBody {
    const { received } = this.#primary;
    const committed = Math.min(this.#primary.quorum.committed, received);
    const durable = Math.min(this.#parts.spool.durable.ordinal, received);
    return {
      ...this.#parts.heartbeatBase(),
      role: 'primary',
      epoch: this.#primary.epoch,
      positions: { received, durable, committed, applied: committed },
      lagMs: this.#term.lagMs,
      applier: { state: 'running', since: '' },
      reason: this.#reason,
    };
  }

  clusterStatus(): ClusterStatus {
    const { config } = this.#parts;
    const { quorum } = this.#primary;
    const own = ownStatus({
      heartbeat: this.heartbeat(),
      state: this.#state(),
      voter: votersOf(this.#primary.members.list).includes(config.name),
      witness: config.witness,
      since: this.#since,
    });
    return {
      cluster: config.cluster,
      epoch: this.#primary.epoch,
      primary: config.name,
      acknowledge: config.acknowledge,
      quorum: {
        needed: 1 + quorum.replicasNeededToAnswer,
        attached: this.#primary.attachedVoters,
        voters: 1 + quorum.others.length,
      },
      change: this.#primary.members.status,
      failover: this.#parts.election.failover(),
      members: [
        own,
        ...this.#membersShown().map((member) => withAcks(member, quorum.durableOf(member.name))),
      ],
      warnings: [
        ...forcedWarning(this.#parts.chainFile.chain),
        ...this.#primary.warnings,
        ...this.#timeZones.warnings,
        ...this.#parts.logWarnings(),
      ],
    };
  }

  /** A replica whose rows differ has that as its reason. It still serves reads, see docs/verify.md. */
  #membersShown(): MemberStatus[] {
    const differing = this.#verifier.differing();
    return this.#members
      .list()
      .map((member) => ({ ...member, reason: member.reason ?? differing.get(member.name) ?? null }));
  }

  positions(): RolePositions {
    const { quorum } = this.#primary;
    const received = quorum.reached('async');
    return {
      count: quorum,
      received,
      committed: quorum.committed,
      everywhere: quorum.reached('all'),
      answered: quorum.answered,
      applied: Math.min(quorum.answered, this.#term.applied),
      durable: quorum.durable,
      lagMs: 0,
    };
  }

  voters(): readonly string[] {
    return this.#primary.quorum.others;
  }

  members(): MembersDocument {
    const { config, clusterId, chainFile } = this.#parts;
    return membersDocument(
      { cluster: config.cluster, clusterId },
      chainFile.chain,
      this.#primary.members.status,
    );
  }

  changeMembers(change: MemberChange): Promise<void> {
    return this.#primary.members.change(change);
  }

  holdWrites(reason: string | null): Promise<void> {
    return this.#hold.set(reason);
  }

  readNow(): void {
    this.#primary.readNow();
  }

  async orderSeed(node: string, order: SeedOrder): Promise<void> {
    const { name } = this.#parts.config;
    if (node === name)
      throw new SkeinError(
        'SEED_OF_PRIMARY',
        `${name} is the primary. The other nodes are filled from its data, so it cannot be filled itself.`,
      );
    if (this.#isWitness(node)) throw seedOfWitness(node);
    this.#primary.replicas.orderSeed(node, order);
  }

  seedTarget(): SeedTarget | null {
    return this.#term.seedTarget;
  }

  commitWaits(): Histogram {
    return this.#primary.commitWait.histogram;
  }

  metrics(): MetricFamily[] {
    const { spool, fsyncTimes } = this.#parts;
    return primaryMetrics({
      status: this.clusterStatus(),
      commitsWaiting: this.#primary.waitingCommits,
      commitWait: this.#primary.commitWait.histogram,
      hubWindowBytes: this.#primary.replicas.hub.windowBytes,
      bytesRead: this.#primary.bytesRead,
      keylessTables: this.#primary.schema.keylessTables,
      foreignTables: this.#primary.schema.foreignTables,
      links: this.#links.list(),
      spool: { files: spool.files, isDamaged: spool.damage !== null, fsync: fsyncTimes },
      verify: this.#verifier.facts,
    });
  }

  confirmPrimary({ signal }: { signal: AbortSignal }): Promise<void> {
    return this.#primary.replicas.confirmFollowed(signal);
  }
}

/** A replica with a larger lag is not compared until it has caught up. */
const VERIFY_LAG_MAX_MS = 2_000;

function isCaughtUp({ state, lagMs }: MemberStatus): boolean {
  return state === 'live' && (lagMs ?? 0) <= VERIFY_LAG_MAX_MS;
}

/** Acknowledgements are newer than heartbeats. For a member that died in between, they tell from where it needs the log. */
function withAcks(member: MemberStatus, durable: number): MemberStatus {
  const { positions } = member;
  if (durable <= positions.durable) return member;
  return { ...member, positions: { ...positions, durable, received: Math.max(positions.received, durable) } };
}

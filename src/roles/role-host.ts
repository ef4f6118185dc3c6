import type { Openness, Readiness } from '../api/node-view.js';
import type { WelcomeDecision } from '../link/greeting.js';
import type { ReplicaSession } from '../link/listener-session.js';
import type { MetricFamily } from '../metrics/text.js';
import { isSkeinError, messageOf } from '../model/error.js';
import type { MemberChange } from '../model/members.js';
import type { ClusterStatus, MembersDocument, Role } from '../model/status.js';
import { Emitter } from '../std/emitter.js';
import { sleep } from '../std/timing.js';
import type { AttachInfo, HeartbeatBody, SeedOrder } from '../wire/messages.js';
import type { LocalServerUp, ReplicaThreads, ServerReading } from './local-server.js';
import { NoRole } from './no-role.js';
import { PrimaryNode } from './primary/primary-node.js';
import { ReplicaNode } from './replica/replica-node.js';
import type { ReplicaRole } from './replica/replica-role.js';
import type { Assignment, NodeParts, RoleNode, RolePositions, RoleScope, Verifying } from './role-node.js';
import type { SeedTarget } from './seed-parts.js';
import { witnessOpenness } from './witness-openness.js';

/** The usual obstacles to taking the server into a role end within some seconds. */
const ROLE_RETRY_MS = 2_000;

/**
 * The current role of a node. It gives the node's parts and its server to one role at a time, as ElectedRoles says. A role
 * has ended, with its ports and sessions closed, before the next one begins (rules C1, C10).
 */
export class RoleHost implements RoleNode {
  readonly onChange = new Emitter<void>();
  readonly onStatus = new Emitter<void>();
  readonly onMoved = new Emitter<void>();
  readonly #parts: NodeParts;
  readonly #begin: BeginRole;
  #stopped = false;
  #role: RoleScope;
  /** The current role; null before the first role and between two roles. */
  #kind: Role | null = null;
  #off: (() => void)[] = [];
  #up: LocalServerUp | null = null;

  /** `begin` makes the scope of a role. Tests give their own. */
  constructor(parts: NodeParts, begin: BeginRole = beginRole(parts)) {
    this.#parts = parts;
    this.#begin = begin;
    this.#role = new NoRole(parts, null);
  }

  /** Until an election is decided, the node is a replica that follows nobody. Resolves when that role has begun. */
  start(): Promise<void> {
    return this.change({ kind: 'replica', primary: null });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#role.stop();
  }

  /** Gives the node this role. Resolves when it has begun. One change at a time. */
  async change(next: Assignment): Promise<void> {
    const { logger, events, config } = this.#parts;
    const before = this.#role;
    const kind = this.#kind;
    if (kind === next.kind) {
      if (next.kind === 'replica') before.follow(next.primary, next.epoch);
      return;
    }
    const applying = await before.end(next);
    this.#kind = null;
    this.#setRole(new NoRole(this.#parts, next));
    const role = this.#begin(next, applying);
    try {
      await role.start();
    } catch (error) {
      // The role may have subscribed to the node's parts.
      await role.stop();
      throw error;
    }
    // The previous role has left the server in order, or has killed it and it starts again.
    this.#kind = next.kind;
    this.#setRole(role);
    logger.info({ role: next.kind, before: kind }, 'role begins');
    if (kind !== null)
      events.add('role.changed', config.name, `It is ${roleText(next)} now.`, { role: next.kind });
    void this.#takeServer();
  }

  #setRole(role: RoleScope): void {
    for (const off of this.#off) off();
    this.#role = role;
    this.#off = [
      role.onChange.on(() => this.onChange.emit()),
      role.onMoved.on(() => this.onMoved.emit()),
      role.onStatus.on(() => this.onStatus.emit()),
    ];
    this.onChange.emit();
    this.onStatus.emit();
  }

  // --- the server ----------------------------------------------------------------------------------------------

  serverUp(up: LocalServerUp): void {
    this.#up = up;
    void this.#takeServer();
  }

  serverDown(reason: string): void {
    this.#up = null;
    this.#role.serverDown(reason);
  }

  /** Gives the server to the role. Repeats that after an error, while the server runs and the role lasts. */
  async #takeServer(): Promise<void> {
    const up = this.#up;
    const role = this.#role;
    const isOver = () => this.#up !== up || this.#role !== role || this.#stopped;
    let lastReason = '';
    while (up && !isOver()) {
      try {
        await role.serverUp(up);
        // For the next role, the server counts as adopted and not crashed: this role has handled a crash.
        if (!isOver() && role.isOpen().open) this.#up = { ...up, adopted: true, crashed: false };
        return;
      } catch (error) {
        if (isOver()) return;
        const reason = `The server could not be taken into its role: ${messageOf(error)}`;
        if (reason !== lastReason)
          this.#parts.events.add('replication.error', this.#parts.config.name, reason, codeOf(error));
        lastReason = reason;
        await sleep(ROLE_RETRY_MS);
      }
    }
  }

  // --- what the role says --------------------------------------------------------------------------------------

  /** The current role's scope. */
  get scope(): RoleScope {
    return this.#role;
  }

  get role(): Role {
    return this.#role.role;
  }

  welcome(attach: AttachInfo): WelcomeDecision {
    return this.#role.welcome(attach);
  }

  attached(session: ReplicaSession): void {
    this.#role.attached(session);
  }

  watch(reading: ServerReading): void {
    this.#role.watch(reading);
  }

  watchThreads(threads: ReplicaThreads | null): Promise<void> {
    return this.#role.watchThreads(threads);
  }

  heartbeat(): HeartbeatBody {
    return this.#role.heartbeat();
  }

  metrics(): MetricFamily[] {
    return this.#role.metrics();
  }

  get commitWaits(): RoleNode['commitWaits'] {
    return this.#role.commitWaits?.bind(this.#role);
  }

  epoch(): number {
    return this.#role.epoch();
  }

  isOpen(): Openness {
    const { config } = this.#parts;
    return config.witness ? witnessOpenness(config.name) : this.#role.isOpen();
  }

  ready(): Readiness {
    return this.#role.ready();
  }

  clusterStatus(): ClusterStatus {
    return this.#role.clusterStatus();
  }

  positions(): RolePositions {
    return this.#role.positions();
  }

  voters(): readonly string[] {
    return this.#role.voters();
  }

  members(): MembersDocument {
    return this.#role.members();
  }

  changeMembers(change: MemberChange): Promise<void> {
    return this.#role.changeMembers(change);
  }

  holdWrites(reason: string | null): Promise<void> {
    return this.#role.holdWrites(reason);
  }

  readNow(): void {
    this.#role.readNow();
  }

  verify(): Verifying {
    return this.#role.verify();
  }

  orderSeed(node: string, order: SeedOrder): Promise<void> {
    return this.#role.orderSeed(node, order);
  }

  seedTarget(): SeedTarget | null {
    return this.#role.seedTarget();
  }

  confirmPrimary(options: { signal: AbortSignal }): Promise<void> {
    return this.#role.confirmPrimary(options);
  }
}

/** `applying`: the work of the replica before it, with which an elected primary goes on. */
type BeginRole = (next: Assignment, applying: ReplicaRole | null) => RoleScope;

function beginRole(parts: NodeParts): BeginRole {
  return (next, applying) => {
    if (next.kind === 'replica') return new ReplicaNode(parts, next.primary, next.epoch);
    return new PrimaryNode(parts, { epoch: next.epoch, applying });
  };
}

function roleText({ kind }: Assignment): string {
  return kind === 'primary' ? 'the primary' : 'a replica';
}

function codeOf(error: unknown): { code?: string } {
  return isSkeinError(error) ? { code: error.code } : {};
}

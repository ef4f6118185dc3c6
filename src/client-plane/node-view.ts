import type { Readable } from 'node:stream';
import type { LogFilter } from '../api/log-filter.js';
import type {
  AuditView,
  Committed,
  EventSource,
  JoiningView,
  LineView,
  NodeView,
  Openness,
  ServerAccess,
} from '../api/node-view.js';
import type { NodeConfig } from '../config/node-config.js';
import type { Flavour } from '../flavour/flavour.js';
import { positionAt } from '../flavour/history.js';
import { type Chain, currentEpoch, listInForce, throwIfLost } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { History } from '../model/history.js';
import type { MemberPlace } from '../model/members.js';
import type { Position } from '../model/position.js';
import type { Promotion, PromotionOrder } from '../model/promotion.js';
import type { ClientStatement } from '../model/running-statement.js';
import { type AcknowledgeLevel, memberRole } from '../model/status.js';
import type { Switchover, SwitchoverOrder } from '../model/switchover.js';
import type { VerifyRequest } from '../model/verify.js';
import { accountPassword, userPassword } from '../mysql-control/accounts.js';
import type { FactsReader } from '../planes/facts-reader.js';
import { sharedClockMs } from '../planes/shared-clock.js';
import type { PlaneState } from '../planes/shared-state.js';
import { Cancellation } from '../std/cancellation.js';
import { monotonicMs } from '../std/clock.js';
import { CANCELLED } from '../std/unless-cancelled.js';
import { PlaneJoining } from './joining.js';
import type { PositionWaits } from './position-waits.js';
import type { Questions } from './questions.js';

/** The replication plane writes its state several times in this time. An older state means that its event loop does not turn. */
const SILENT_MS = 2_000;

export interface PlaneNodeViewModules {
  readonly config: Pick<NodeConfig, 'name' | 'cluster' | 'acknowledge' | 'directory' | 'tls' | 'witness'>;
  readonly clusterId: string;
  readonly secret: Buffer;
  readonly dumpProgram: string;
  readonly flavour: Flavour;
  readonly plane: FactsReader;
  readonly waits: PositionWaits;
  readonly questions: Questions;
  /** True when the local server of a replica has applied `gtid` in time. */
  waitApplied(ordinal: number, timeoutMs: number): Promise<boolean>;
  /** PEM of the authority of the nodes' HTTPS. */
  authority(): string | undefined;
  loginRefused(): void;
  /** See NodeView. */
  backup(signal: AbortSignal): Promise<Readable>;
  metrics(): Promise<string>;
  statements(): Promise<ClientStatement[]>;
  endStatement(id: number): Promise<string | null>;
  history(seconds: number): History;
  readonly events: EventSource;
  readonly audit: AuditView;
  readonly logs: LineView<LogFilter>;
}

/** The node as HTTP sees it: numbers from shared memory, facts from messages, the rest by questions. */
export class PlaneNodeView implements NodeView {
  readonly name: string;
  readonly cluster: string;
  readonly clusterId: string;
  readonly flavour: Flavour;
  readonly events: EventSource;
  readonly audit: AuditView;
  readonly logs: LineView<LogFilter>;
  readonly joining: JoiningView;
  readonly #modules: PlaneNodeViewModules;
  /** The last position that the server of this generation was seen to have applied. It may be ahead of the shared memory. */
  #seen = { generation: -1, ordinal: 0 };
  /** Made anew for each chain: it is asked for with each request of a page. */
  #origins: { of: Chain; set: ReadonlySet<string> } = { of: [], set: new Set() };

  constructor(modules: PlaneNodeViewModules) {
    this.#modules = modules;
    this.name = modules.config.name;
    this.cluster = modules.config.cluster;
    this.clusterId = modules.clusterId;
    this.flavour = modules.flavour;
    this.events = modules.events;
    this.audit = modules.audit;
    this.logs = modules.logs;
    this.joining = new PlaneJoining(modules);
  }

  get #state(): PlaneState {
    return this.#modules.plane.state;
  }

  role() {
    return this.#state.role;
  }

  epoch() {
    return this.#state.epoch;
  }

  isOpen(): Openness {
    const { openness } = this.#state;
    if (openness === 'OPEN') return { open: true };
    const reason = this.#modules.plane.facts.closedReason ?? 'This node is closed.';
    return { open: false, code: openness, reason };
  }

  ready() {
    const { role, atMs } = this.#state;
    const { ok, state, reason } = this.#modules.plane.facts.ready;
    const shown = memberRole(role, this.#modules.config.witness);
    const ageMs = sharedClockMs() - atMs;
    if (ageMs > SILENT_MS) {
      const text = `The replication thread of this node has not run for ${Math.round(ageMs / 1000)} s.`;
      return { ok: false, role: shown, state, lagMs: this.#lagMs(), reason: reason ?? text };
    }
    return { ok, role: shown, state, lagMs: this.#lagMs(), reason };
  }

  /** A lag grows between two updates. A replica without lag keeps none as long as updates come. */
  #lagMs(): number | null {
    const { lagMs, atMs } = this.#state;
    if (lagMs === null) return null;
    const ageMs = sharedClockMs() - atMs;
    return lagMs === 0 && ageMs < SILENT_MS ? 0 : Math.round(lagMs + ageMs);
  }

  clusterStatus() {
    return this.#modules.questions.status();
  }

  statements() {
    return this.#modules.statements();
  }

  endStatement(id: number) {
    return this.#modules.endStatement(id);
  }

  memberOrigins() {
    const { chain } = this.#modules.plane;
    if (chain !== this.#origins.of)
      this.#origins = { of: chain, set: new Set(listInForce(chain).map(({ http }) => new URL(http).origin)) };
    return this.#origins.set;
  }

  history(seconds: number) {
    return this.#modules.history(seconds);
  }

  members() {
    return this.#modules.questions.members();
  }

  addMember(member: MemberPlace): Promise<void> {
    return this.#modules.questions.changeMembers({ kind: 'add', member });
  }

  removeMember(name: string): Promise<void> {
    return this.#modules.questions.changeMembers({ kind: 'remove', name });
  }

  acknowledge(): AcknowledgeLevel {
    return this.#modules.config.acknowledge;
  }

  primaryHttp(): string | null {
    return this.#modules.plane.facts.primaryHttp;
  }

  primaryIs(): 'here' | 'elsewhere' | null {
    const { role, openness } = this.#state;
    const { primary, primaryHttp } = this.#modules.plane.facts;
    if (primary !== null && primary.name !== this.name) return primaryHttp === null ? null : 'elsewhere';
    return role === 'primary' && openness === 'OPEN' ? 'here' : null;
  }

  onPrimary(listener: () => void): () => void {
    return this.#modules.plane.onChange.on(listener);
  }

  authority(): string | undefined {
    return this.#modules.authority();
  }

  server(): ServerAccess | null {
    const { generation } = this.#state;
    const { server } = this.#modules.plane.facts;
    if (generation === null || server?.generation !== generation) return null;
    const { secret, dumpProgram, loginRefused } = this.#modules;
    return {
      socketPath: server.socketPath,
      dumpProgram,
      generation: String(generation),
      passwordOf: (account) => accountPassword(secret, account),
      userPassword: (user) => userPassword(secret, user),
      loginRefused,
    };
  }

  appliedPosition(): Position {
    return this.#positionAt(this.#appliedOrdinal());
  }

  #appliedOrdinal(): number {
    const { applied, generation } = this.#state;
    return generation === this.#seen.generation ? Math.max(applied, this.#seen.ordinal) : applied;
  }

  #positionAt(ordinal: number): Position {
    return positionAt(this.#modules.plane.chain, ordinal, this.#modules.flavour);
  }

  async waitApplied(position: Position, options: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
    const { plane } = this.#modules;
    if (this.#state.role === 'primary') {
      this.#throwIfNewer(position);
      // What this server has committed is visible here. A position of a lost branch never becomes visible.
      throwIfLost(plane.chain, position);
      await this.#untilAnswered(position.ordinal, options);
      // This node may have lost its role and got it again meanwhile: then the number may be another transaction's.
      throwIfLost(plane.chain, position);
      return;
    }
    throwIfLost(plane.chain, position);
    const isKnown = position.epoch <= currentEpoch(plane.chain);
    if (isKnown && position.ordinal <= this.#appliedOrdinal()) return;
    await this.#untilAppliedHere(position, options);
    // This node may have learned the chain only during the wait, or not yet.
    this.#throwIfNewer(position);
    throwIfLost(plane.chain, position);
  }

  /** A node that was the primary, and does not know the next epoch yet, has other transactions under the same numbers. */
  #throwIfNewer({ epoch }: Position): void {
    if (epoch <= currentEpoch(this.#modules.plane.chain)) return;
    throw new SkeinError(
      'POSITION_NOT_REACHED',
      `The position is of epoch ${epoch}, which this node does not know yet.`,
    );
  }

  async #untilAppliedHere(
    position: Position,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<void> {
    const { generation } = this.#state;
    const beganAtMs = monotonicMs();
    const applied = await this.#modules.waitApplied(position.ordinal, timeoutMs);
    signal.throwIfAborted();
    if (!applied) {
      const ms = Math.round(monotonicMs() - beganAtMs);
      throw new SkeinError(
        'POSITION_NOT_REACHED',
        `This replica has not applied the position within ${ms} ms.`,
      );
    }
    if (generation === null || generation !== this.#state.generation) return;
    const before = this.#seen.generation === generation ? this.#seen.ordinal : 0;
    this.#seen = { generation, ordinal: Math.max(before, position.ordinal) };
  }

  async #untilAnswered(
    ordinal: number,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<void> {
    if (this.#state.answered >= ordinal) return;
    const over = new Cancellation();
    const end = () => over.cancel();
    const timer = setTimeout(end, timeoutMs);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    try {
      await this.#modules.waits.until(({ answered }) => answered >= ordinal, over);
    } catch (error) {
      if (error !== CANCELLED) throw error;
      if (signal.aborted) throw signal.reason;
      throw new SkeinError('POSITION_NOT_REACHED', `The position was not reached within ${timeoutMs} ms.`);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }

  async waitCommitted(
    gtid: string,
    level: AcknowledgeLevel,
    { over }: { over: Cancellation },
  ): Promise<Committed> {
    const { flavour, plane, waits } = this.#modules;
    const { role, count } = this.#state;
    if (role !== 'primary')
      throw new SkeinError('NOT_PRIMARY', 'Only the primary knows what its own server has committed.');
    const ordinal = flavour.ordinalOf(gtid, plane.chain);
    if (ordinal === null) throw new SkeinError('ROLE_LOST', `${gtid} is not in the cluster's history.`);
    const isReached = (state: PlaneState) => {
      if (state.count === null || state.count !== count) {
        throw new SkeinError(
          'ROLE_LOST',
          'The server went down before the quorum had confirmed the transaction.',
        );
      }
      return reached(state, level) >= ordinal;
    };
    // Usually nothing is left to wait for, because the server answered the commit after the quorum had it.
    if (!isReached(this.#state)) await waits.until(isReached, over);
    const { durable } = this.#state;
    const position = this.#positionAt(ordinal);
    // If the node has lost its role and got it again since, the ordinal may belong to another transaction.
    if (position.gtid !== gtid) {
      throw new SkeinError(
        'ROLE_LOST',
        `The cluster's history has ${position.gtid} where this position has ${gtid}.`,
      );
    }
    return {
      position,
      acknowledgedBy: plane.facts.voters.filter((_, i) => (durable[i] ?? 0) >= ordinal),
    };
  }

  confirmPrimary({ signal }: { signal: AbortSignal }): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason as Error);
      if (signal.aborted) {
        abort();
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      this.#modules.questions
        .confirmPrimary()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', abort));
    });
  }

  reconcileUsers(): Promise<void> {
    return this.#modules.questions.reconcileUsers();
  }

  verify() {
    return this.#modules.questions.verify();
  }

  startVerify(request: VerifyRequest) {
    return this.#modules.questions.startVerify(request);
  }

  cancelVerify() {
    return this.#modules.questions.cancelVerify();
  }

  backup(signal: AbortSignal): Promise<Readable> {
    return this.#modules.backup(signal);
  }

  orderSeed(order: { node: string; order: 'start' | 'cancel'; reason: string }): Promise<void> {
    return this.#modules.questions.orderSeed(order);
  }

  switchover(order: SwitchoverOrder): Promise<Switchover> {
    return this.#modules.questions.switchover(order);
  }

  promote(order: PromotionOrder): Promise<Promotion> {
    return this.#modules.questions.promote(order);
  }

  setMaintenance(on: boolean): Promise<void> {
    return this.#modules.questions.setMaintenance(on);
  }

  metrics(): Promise<string> {
    return this.#modules.metrics();
  }
}

/** Highest ordinal that is durable at this level; as Quorum.reached. */
function reached({ received, committed, everywhere }: PlaneState, level: AcknowledgeLevel): number {
  if (level === 'async') return received;
  return level === 'all' ? everywhere : committed;
}

import type { Openness, Readiness } from '../api/node-view.js';
import type { WelcomeDecision } from '../link/greeting.js';
import type { MetricFamily } from '../metrics/text.js';
import { currentEpoch, listInForce } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import { votersOf } from '../model/members.js';
import type { ClusterStatus, MembersDocument, Role } from '../model/status.js';
import { Emitter } from '../std/emitter.js';
import type { AttachInfo, HeartbeatBody } from '../wire/messages.js';
import { bareStatus, membersDocument, ownStatus } from './cluster-status.js';
import {
  type Assignment,
  type NodeParts,
  noVerifying,
  type RolePositions,
  type RoleScope,
} from './role-node.js';

/** The scope between two roles, and before the first: the node serves no client. It reports the role that it will take. */
export class NoRole implements RoleScope {
  readonly role: Role;
  readonly onChange = new Emitter<void>();
  readonly onStatus = new Emitter<void>();
  readonly onMoved = new Emitter<void>();
  readonly #parts: NodeParts;
  readonly #reason: string;
  readonly #primary: string | null;
  readonly #since = new Date().toISOString();

  constructor(parts: NodeParts, next: Assignment | null) {
    this.#parts = parts;
    this.role = next?.kind ?? 'replica';
    this.#primary = next === null ? null : next.kind === 'primary' ? parts.config.name : next.primary;
    this.#reason =
      next === null
        ? 'This node is starting.'
        : `This node is becoming ${next.kind === 'primary' ? 'the primary' : 'a replica'}.`;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async end(): Promise<null> {
    return null;
  }

  async endLinks(): Promise<void> {}
  readonly isDecided = false;
  readonly fitness = { serves: 'no' } as const;
  async serverUp(): Promise<void> {}
  serverDown(): void {}
  watch(): void {}
  async watchThreads(): Promise<void> {}
  attached(): void {}
  follow(): void {}

  welcome(_attach: AttachInfo): WelcomeDecision {
    return { refuse: 'NOT_OPEN', message: this.#reason };
  }

  epoch(): number {
    return currentEpoch(this.#parts.chainFile.chain);
  }

  isOpen(): Openness {
    return { open: false, code: 'NOT_OPEN', reason: this.#reason };
  }

  ready(): Readiness {
    return { ok: false, role: this.role, state: 'joining', lagMs: null, reason: this.#reason };
  }

  heartbeat(): HeartbeatBody {
    const { spool, heartbeatBase } = this.#parts;
    const committed = spool.committed();
    return {
      ...heartbeatBase(),
      role: this.role,
      epoch: this.epoch(),
      positions: { received: spool.end.ordinal, durable: spool.durable.ordinal, committed, applied: 0 },
      lagMs: null,
      applier: { state: 'running', since: this.#since },
      reason: this.#reason,
    };
  }

  clusterStatus(): ClusterStatus {
    const { config } = this.#parts;
    const own = ownStatus({
      heartbeat: this.heartbeat(),
      state: 'joining',
      voter: votersOf(listInForce(this.#parts.chainFile.chain)).includes(config.name),
      witness: config.witness,
      since: this.#since,
    });
    return bareStatus(config, { chain: this.#parts.chainFile.chain, primary: this.#primary, own });
  }

  metrics(): MetricFamily[] {
    return [];
  }

  positions(): RolePositions {
    const { spool } = this.#parts;
    return {
      ...{ count: null, received: spool.end.ordinal, committed: spool.committed(), everywhere: 0 },
      ...{ answered: 0, applied: 0, durable: [], lagMs: null },
    };
  }

  async holdWrites(): Promise<void> {}

  readNow(): void {}

  voters(): readonly string[] {
    return [];
  }

  members(): MembersDocument {
    const { config, clusterId, chainFile } = this.#parts;
    return membersDocument({ cluster: config.cluster, clusterId }, chainFile.chain, null);
  }

  async changeMembers(): Promise<void> {
    throw new SkeinError('NOT_PRIMARY', this.#reason);
  }

  verify = noVerifying;

  async orderSeed(node: string): Promise<void> {
    throw new SkeinError('NOT_PRIMARY', `${node} cannot be filled now: ${this.#reason}`);
  }

  seedTarget(): null {
    return null;
  }

  async confirmPrimary(): Promise<void> {
    throw new SkeinError('NOT_PRIMARY', this.#reason);
  }
}

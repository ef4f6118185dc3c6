import type { NodeConfig } from '../config/node-config.js';
import { ownPlace } from '../config/place.js';
import type { Primary } from '../election/known-primary.js';
import type { EventLog } from '../events/event-log.js';
import { ThreadMeter } from '../metrics/process-metrics.js';
import { metricsText } from '../metrics/text.js';
import { type MemberChange, memberNamed } from '../model/members.js';
import type { Promotion, PromotionOrder } from '../model/promotion.js';
import type { ClusterStatus, FailoverStatus, MemberStatus } from '../model/status.js';
import type { Switchover, SwitchoverOrder } from '../model/switchover.js';
import type { VerifyRequest } from '../model/verify.js';
import type { AnswerTo, InputOf, PlaneFacts, PlaneFigures, Question } from '../planes/messages.js';
import { ledBy } from '../roles/cluster-status.js';
import { failoverMetrics } from '../roles/failover-metrics.js';
import { NodeMetrics } from '../roles/metrics.js';
import type { RoleNode } from '../roles/role-node.js';

export interface PlaneResponderModules {
  readonly role: RoleNode;
  readonly events: EventLog;
  /** What the election knows. */
  readonly elected: { primary(): Primary | null; failover(): FailoverStatus };
  /** Null while the local server is down. */
  server(): { readonly socketPath: string; readonly port: number } | null;
  /** Generation of the sessions on the server, see SessionGeneration. */
  generation(): number;
  /** Resolves when the server's accounts of applications match the table as it was at the call or later. */
  reconcileUsers(): Promise<void>;
  flushLog(): void;
  setMaintenance(on: boolean): Promise<void>;
  /** @throws SkeinError, see Switching */
  switchover(order: SwitchoverOrder): Promise<Switchover>;
  /** @throws SkeinError, see Promoting */
  promote(order: PromotionOrder): Promise<Promotion>;
  /** Null without MySQL ports, and when their thread does not answer in time. */
  mysqlFigures(): Promise<PlaneFigures | null>;
  /** Expiry of the node's certificate, Unix ms; null without TLS. */
  certificateExpiresAtMs(): number | null;
  /** Bytes of snapshots sent to other nodes. */
  seedBytesSent(): number;
}

/** Collects the facts of this node for its client planes, and answers the questions of the HTTP plane. */
export class PlaneResponder {
  readonly #config: NodeConfig;
  readonly #version: string;
  readonly #modules: PlaneResponderModules;
  readonly #metrics = new NodeMetrics();
  readonly #meter = new ThreadMeter('replication');

  constructor(options: { config: NodeConfig; version: string }, modules: PlaneResponderModules) {
    this.#config = options.config;
    this.#version = options.version;
    this.#modules = modules;
  }

  facts(): PlaneFacts {
    const { role, server, generation } = this.#modules;
    const openness = role.isOpen();
    const { ok, state, reason } = role.ready();
    const up = server();
    const status = this.#status();
    const { name, mysqlRw, mysqlRo } = servingPrimary(status) ?? {};
    return {
      closedReason: openness.open ? null : openness.reason,
      ready: { ok, state, reason },
      server: up && { socketPath: up.socketPath, port: up.port, generation: generation() },
      primary: name === undefined ? null : { name, mysqlRw: mysqlRw ?? null, mysqlRo: mysqlRo ?? null },
      primaryHttp: this.#primaryHttp(status),
      voters: role.voters(),
    };
  }

  /** Nobody is told of a primary that was lost: an election is newer than the last status of a primary. */
  #status(): ClusterStatus {
    const { role, elected } = this.#modules;
    const status = role.clusterStatus();
    const primary = elected.primary();
    const known = status.failover ?? null;
    if (primary !== null) return ledBy({ ...status, failover: known }, primary);
    const own = elected.failover();
    return ledBy({ ...status, failover: { ...own, last: known?.last ?? own.last } }, null);
  }

  /** The address that the primary reports; otherwise the one in the list of members. */
  #primaryHttp({ primary, members }: ClusterStatus): string | null {
    const { role } = this.#modules;
    const listed = memberNamed(role.members().members, primary);
    if (listed?.witness) return null;
    // A node that was elected and has not begun its role must not send its clients to itself.
    if (primary === this.#config.name) return role.role === 'primary' ? ownPlace(this.#config).http : null;
    const reported = members.find(({ name }) => name === primary)?.http || null;
    return reported ?? listed?.http ?? null;
  }

  async answer<What extends Question>(what: What, input: unknown): Promise<AnswerTo<What>> {
    const { role, reconcileUsers, flushLog } = this.#modules;
    const answers: { [Each in Question]: () => AnswerTo<Each> | Promise<AnswerTo<Each>> } = {
      status: () => this.#status(),
      members: () => role.members(),
      changeMembers: () => role.changeMembers(input as MemberChange),
      metrics: () => this.#figures(),
      confirmPrimary: () => role.confirmPrimary({ signal: new AbortController().signal }),
      verify: () => role.verify().document,
      startVerify: () => role.verify().start({ ...(input as VerifyRequest), background: false }),
      cancelVerify: () => role.verify().cancel(),
      reconcileUsers,
      flushLog,
      orderSeed: () => {
        const { node, ...order } = input as InputOf<'orderSeed'>;
        return role.orderSeed(node, order);
      },
      setMaintenance: () => this.#modules.setMaintenance(input as boolean),
      switchover: () => this.#modules.switchover(input as SwitchoverOrder),
      promote: () => this.#modules.promote(input as PromotionOrder),
    };
    return await answers[what]();
  }

  async #figures(): Promise<PlaneFigures[]> {
    const mysql = await this.#modules.mysqlFigures();
    const own = { text: this.#metricsText(), thread: this.#meter.look() };
    return mysql ? [own, mysql] : [own];
  }

  #metricsText(): string {
    const { role, events, certificateExpiresAtMs } = this.#modules;
    const status = this.#status();
    return metricsText([
      ...failoverMetrics({ status, isPrimary: role.role === 'primary' }),
      ...this.#metrics.families({
        cluster: this.#config.cluster,
        version: this.#version,
        heartbeat: role.heartbeat(),
        witness: this.#config.witness,
        open: role.isOpen().open,
        ready: role.ready().ok,
        events: events.counts,
        certificateExpiresAtMs: certificateExpiresAtMs(),
        seedBytesSent: this.#modules.seedBytesSent(),
      }),
      ...role.metrics(),
    ]);
  }

  stop(): void {
    this.#meter.stop();
  }
}

/** No client is led to a witness: it has the lead only until it has handed it over. */
function servingPrimary({ primary, members }: ClusterStatus): MemberStatus | null {
  const member = members.find(({ name }) => name === primary);
  return member === undefined || member.witness ? null : member;
}

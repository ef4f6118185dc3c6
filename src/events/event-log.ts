import type { AuditFields } from '../audit/audit-trail.js';
import { CLUSTER_EVENTS, type ClusterEventName } from '../model/status.js';
import type { Logger } from '../std/logger.js';
import { EventRing } from './event-ring.js';

/**
 * Everything that happens to the cluster as this node sees it: in the log, in the audit trail, and in the ring for
 * `GET /v1/events`. */
export class EventLog {
  readonly ring = new EventRing();
  /** How often each has happened since the node's start. */
  readonly counts = new Map<ClusterEventName, number>(CLUSTER_EVENTS.map((event) => [event, 0]));
  readonly #node: string;
  readonly #logger: Logger;
  readonly #audit: { add(fields: AuditFields): void };

  constructor(
    options: { node: string },
    modules: { logger: Logger; audit: { add(fields: AuditFields): void } },
  ) {
    this.#node = options.node;
    this.#logger = modules.logger;
    this.#audit = modules.audit;
  }

  add(event: ClusterEventName, subject: string, reason: string, more: Record<string, unknown> = {}): void {
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
    const level = WARNINGS.has(event) ? 'warn' : 'info';
    this.#logger[level]({ ...more, event, subject, reason }, 'cluster event');
    this.#audit.add({ ...more, kind: 'event', event, subject, reason });
    this.ring.push(event, { ...more, at: new Date().toISOString(), node: this.#node, subject, reason });
  }
}

const WARNINGS = new Set<ClusterEventName>([
  'link.down',
  'link.refused',
  'server.down',
  'server.hung',
  'quorum.lost',
  'role.closed',
  'replication.error',
  'commit.unacknowledged',
  'fence',
  'election.forced',
  'spool.damaged',
  'schema.warning',
  'accounts.repaired',
  'read.killed',
  'tmp.full',
  'clients.restarted',
  'verify.differs',
  'retention.warning',
  'retention.dropped',
  'disk.low',
  'disk.full',
]);

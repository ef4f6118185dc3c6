import { EventRing } from '../http/event-ring.js';
import type { ClusterEventName } from '../model/status.js';
import type { Logger } from '../std/logger.js';

/** Everything that happens to the cluster as this node sees it: in the log, and in the ring for `GET /v1/events`. */
export class EventLog {
  readonly ring = new EventRing();
  readonly #node: string;
  readonly #logger: Logger;

  constructor(options: { node: string }, modules: { logger: Logger }) {
    this.#node = options.node;
    this.#logger = modules.logger;
  }

  add(event: ClusterEventName, subject: string, reason: string, more: Record<string, unknown> = {}): void {
    const level = WARNINGS.has(event) ? 'warn' : 'info';
    this.#logger[level]({ ...more, event, subject, reason }, 'cluster event');
    this.ring.push(event, { ...more, at: new Date().toISOString(), node: this.#node, subject, reason });
  }
}

const WARNINGS = new Set<ClusterEventName>([
  'link.down',
  'link.refused',
  'server.down',
  'quorum.lost',
  'role.closed',
  'replication.error',
  'commit.unacknowledged',
  'fence',
  'spool.damaged',
]);

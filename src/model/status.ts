/** The nouns of `GET /v1/cluster`: what every node knows and says of the whole cluster. */

export type Role = 'primary' | 'replica';
/**
 * `stopped`: it is heard of, but its server executes nothing any more, after an error. `stalled`: its server's workers wait for
 * something and do not get on.
 */
export const MEMBER_STATES = ['joining', 'live', 'stopped', 'stalled', 'late', 'gone'] as const;
export type MemberState = (typeof MEMBER_STATES)[number];
/** Whether a server executes what it is given. */
export const APPLIER_STATES = ['running', 'stopped', 'stalled'] as const;
export type ApplierState = (typeof APPLIER_STATES)[number];
export type AcknowledgeLevel = 'majority' | 'all' | 'async';

/** Ordinals, see Position. */
export interface Positions {
  received: number;
  durable: number;
  committed: number;
  applied: number;
}

export interface ServerStatus {
  flavour: 'mariadb' | 'mysql' | null;
  version: string | null;
  pid: number | null;
  up: boolean;
}

export interface MysqlConnections {
  readWrite: number;
  readOnly: number;
}

export interface MemberStatus {
  name: string;
  role: Role;
  state: MemberState;
  /** Counts in the quorum. */
  voter: boolean;
  epoch: number;
  http: string;
  link: string;
  mysqlRw: string | null;
  mysqlRo: string | null;
  /** Clients of the two MySQL ports now; null when it has none. */
  mysqlConnections: MysqlConnections | null;
  pid: number | null;
  server: ServerStatus;
  positions: Positions;
  /** Age in ms of the oldest transaction not yet applied; 0 when level, null when not known. */
  lagMs: number | null;
  /** Milliseconds since the primary last heard of it; null = never. */
  lastHeartbeatMs: number | null;
  /** ISO time of the last change of `state`. */
  since: string;
  /** Why it is not live and healthy, in plain words; null when all is well. */
  reason: string | null;
}

export interface ClusterStatus {
  cluster: string;
  epoch: number;
  primary: string | null;
  acknowledge: AcknowledgeLevel;
  /** `needed` and `attached` count voters, the primary included. */
  quorum: { needed: number; attached: number };
  members: MemberStatus[];
  /** What in the schema endangers the cluster's promises, in plain words; empty when nothing does. */
  warnings: string[];
}

export const CLUSTER_EVENTS = [
  'member.state',
  'link.up',
  'link.down',
  'link.refused',
  'server.up',
  'server.down',
  'quorum.lost',
  'quorum.regained',
  'role.open',
  'role.closed',
  'role.changed',
  'replication.error',
  'applier.stopped',
  'applier.stalled',
  'applier.resumed',
  'commit.unacknowledged',
  'fence',
  'spool.damaged',
  'account.changed',
  'schema.warning',
  'accounts.repaired',
  'read.killed',
  'tmp.full',
  'clients.restarted',
] as const;
export type ClusterEventName = (typeof CLUSTER_EVENTS)[number];

export interface ClusterEvent {
  id: number;
  event: ClusterEventName;
  data: { at: string; node: string; subject: string; reason: string; [key: string]: unknown };
}

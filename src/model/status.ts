import type { MemberList } from './members.js';
import type { SeedProgress } from './seed.js';

/** Types of `GET /v1/cluster`: the whole cluster as every node knows it. */

export type Role = 'primary' | 'replica';
/** What a member is for people: a witness that has the lead for a moment, to hand it over, is the primary. */
export const MEMBER_ROLES = ['primary', 'replica', 'witness'] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

export function memberRole(role: Role, witness: boolean): MemberRole {
  return role === 'replica' && witness ? 'witness' : role;
}
/**
 * `stopped`: its heartbeats come, but its server has stopped executing after an error. `stalled`: its server's workers wait
 * for something, and nothing is executed.
 */
export const MEMBER_STATES = ['joining', 'live', 'stopped', 'stalled', 'late', 'gone'] as const;
export type MemberState = (typeof MEMBER_STATES)[number];
/** Whether a server executes the transactions that it gets. */
export const APPLIER_STATES = ['running', 'stopped', 'stalled'] as const;
export type ApplierState = (typeof APPLIER_STATES)[number];
/** What a change of the list of members does, see MemberChange. */
export const CHANGE_KINDS = ['add', 'promote', 'remove', 'address', 'reset'] as const;
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

/** The binary log of a node's server, and the disk that it is on. */
export interface LogStatus {
  files: number;
  bytes: number;
  /** Ordinal of the first transaction that it can give to another node. */
  begin: number;
  /** ISO time at which its oldest file was last written to; null = it has none. */
  oldestAt: string | null;
  diskFreeBytes: number | null;
}

/** How busy a node was in the last second. */
export interface Load {
  /** Of one core: the node's process and its server's. */
  cpuPercent: number;
  /** Size of its spool. */
  spoolBytes: number;
  /** How long a commit waited for its quorum, on average, in ms; null = none did, or it is not the primary. */
  commitWaitMs: number | null;
}

export interface MysqlConnections {
  readWrite: number;
  readOnly: number;
}

export interface MemberStatus {
  name: string;
  role: MemberRole;
  /** It has no database server; absent = it has one. */
  witness?: boolean;
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
  /** Milliseconds since the primary got its last heartbeat; null = never. */
  lastHeartbeatMs: number | null;
  /** ISO time of the last change of `state`. */
  since: string;
  /** Null or absent: not known. */
  log?: LogStatus | null;
  /** Null or absent: not known. */
  load?: Load | null;
  /** How far it is while its server is filled from another node; null or absent = it is not. */
  seeding?: SeedProgress | null;
  /** It keeps no lead, and no other node is filled from it; absent = not known. */
  maintenance?: boolean;
  /** Why it is not live and healthy, for people; null when it is. */
  reason: string | null;
}

/** A change of the list of members that is in force and not yet on a majority of the old and of the new list. */
export interface ChangeStatus {
  kind: (typeof CHANGE_KINDS)[number];
  /** Name of the member that it concerns. */
  member: string;
  /** ISO time. */
  since: string;
  /** In plain words. */
  waitsFor: string;
}

/** How a node came to the lead, in short. The whole report is the event `election.report`. */
export interface LastFailover {
  epoch: number;
  primary: string;
  primaryBefore: string | null;
  detectedHow: string;
  /** ISO time at which the new primary was open for clients. */
  servedAt: string;
  /** How long clients were not served; null = not known. */
  pauseMs: number | null;
  /** With the votes, for people. */
  reason: string;
}

/** What would happen if the primary were lost now, as the primary sees it; without a primary, as this node sees it. */
export interface FailoverStatus {
  /** Who would be elected; null = nobody. */
  elected: string | null;
  /** About: when the process of the primary ends. */
  afterDeathMs: number;
  /** About: when the primary only falls silent. */
  afterSilenceMs: number;
  /** What stands against it, in whole sentences. */
  against: string[];
  /** The last failover that the primary knows of; null = none. */
  last: LastFailover | null;
}

/** The list of members as a node knows it. */
export interface MembersDocument {
  cluster: string;
  clusterId: string;
  /** Place of the list in the chain. */
  epoch: number;
  number: number;
  /** Of that epoch. */
  primary: string | null;
  members: MemberList;
  change: ChangeStatus | null;
}

export interface ClusterStatus {
  cluster: string;
  epoch: number;
  primary: string | null;
  acknowledge: AcknowledgeLevel;
  /** All three count voters, the primary included. While the list of members changes, the stricter list is shown. */
  quorum: { needed: number; attached: number; voters: number };
  /** Null unless the list of members is being changed. */
  change: ChangeStatus | null;
  members: MemberStatus[];
  /** Null or absent: nothing is known. */
  failover?: FailoverStatus | null;
  /**
   * Warnings for people: risks in the schema for the cluster's promise, and members that are about to lose their place in the
   * binary log.
   */
  warnings: string[];
}

export const CLUSTER_EVENTS = [
  'member.state',
  'member.added',
  'member.promoted',
  'member.removed',
  'member.moved',
  'member.reset',
  'link.up',
  'link.down',
  'link.refused',
  'server.up',
  'server.down',
  'server.hung',
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
  'election',
  'election.report',
  'election.forced',
  'spool.damaged',
  'account.changed',
  'schema.warning',
  'accounts.repaired',
  'read.killed',
  'tmp.full',
  'clients.restarted',
  'verify.done',
  'verify.differs',
  'retention.warning',
  'retention.dropped',
  'disk.low',
  'disk.full',
  'disk.ok',
  'seed.started',
  'seed.progress',
  'seed.done',
  'seed.failed',
] as const;
export type ClusterEventName = (typeof CLUSTER_EVENTS)[number];

export interface ClusterEvent {
  id: number;
  event: ClusterEventName;
  data: { at: string; node: string; subject: string; reason: string; [key: string]: unknown };
}

import type { NodeView } from '../api/node-view.js';
import type { NodeConfig } from '../config/node-config.js';
import type { EventLog } from '../events/event-log.js';
import type { MetricFamily } from '../metrics/text.js';
import type { SkeinError } from '../model/error.js';
import type { ClusterStatus } from '../model/status.js';
import type { AccountName } from '../mysql-control/accounts.js';
import type { Flavour } from '../mysql-protocol/flavour.js';
import type { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import type { HeartbeatBody } from '../wire/messages.js';
import type { ChainFile } from './chain-file.js';
import type { LocalControl, LocalServerUp, ReplicaThreads, ServerReading } from './local-server.js';

/** Voters besides this node, in the order of its configuration. */
export function otherVoters({ name, voters }: Pick<NodeConfig, 'name' | 'voters'>): string[] {
  return voters.filter((voter) => voter !== name);
}

/** What both kinds of nodes are given by the composition root. */
export interface NodeParts {
  config: NodeConfig;
  secret: Buffer;
  /** For the link; null = plain. */
  linkTls: TlsSource | null;
  logger: Logger;
  flavour: Flavour;
  chainFile: ChainFile;
  events: EventLog;
  control(): LocalControl;
  kill(reason: string): void;
  /** What a crash of the server left behind is settled. */
  settled(): Promise<void>;
  /** Ends this process: it must not go on, and is started again. */
  fail(error: SkeinError): void;
  prepareSystem(): Promise<void>;
  passwordOf(account: AccountName | 'skein_endpoint'): string;
  heartbeatBase(): Omit<HeartbeatBody, 'role' | 'epoch' | 'positions' | 'lagMs' | 'applier' | 'reason'>;
}

/** Where a role stands, in ordinals. Read at every move, so it costs no more than its numbers. */
export interface RolePositions {
  /**
   * The count in which these positions move: another object when the primary begins to count again, null while nothing
   * is counted here (a replica, a closed primary). Whoever waits for a position in a count that ended waits in vain.
   */
  readonly count: object | null;
  /** In the log of this node (on a replica: in its spool). */
  readonly received: number;
  /** Durable on a majority of the voters. */
  readonly committed: number;
  /** Durable on all voters. */
  readonly everywhere: number;
  /** The server may answer its clients up to here. */
  readonly answered: number;
  /** Visible in the local server. */
  readonly applied: number;
  /** Durable on each voter besides this node, in the order of `otherVoters` of this node. */
  readonly durable: readonly number[];
  /** ms; null = not known. */
  readonly lagMs: number | null;
}

/** The part of a node that follows from its role; the rest (server, HTTP, logs) is the same for both. */
export interface RoleNode extends Pick<NodeView, 'epoch' | 'isOpen' | 'ready' | 'confirmPrimary'> {
  readonly role: 'primary' | 'replica';
  /** Openness may be another one, or who the primary is and where. Listeners run before the role goes on. */
  readonly onChange: Emitter<void>;
  /** One of the positions moved. Many times a second: listeners do next to nothing. */
  readonly onMoved: Emitter<void>;
  positions(): RolePositions;
  clusterStatus(): ClusterStatus;
  /** Somebody waits for a position: what the log holds is read on now. */
  readNow(): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  serverUp(up: LocalServerUp): Promise<void>;
  serverDown(reason: string): void;
  watch(reading: ServerReading): void;
  heartbeat(): HeartbeatBody;
  /** What only this role has, for `GET /metrics`. */
  metrics(): MetricFamily[];
  watchThreads?(threads: ReplicaThreads | null): Promise<void>;
}

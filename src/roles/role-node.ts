import type { NodeView } from '../api/node-view.js';
import type { NodeConfig } from '../config/node-config.js';
import type { EventLog } from '../events/event-log.js';
import type { MetricFamily } from '../metrics/text.js';
import type { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { AccountName } from '../mysql-control/accounts.js';
import type { Flavour } from '../mysql-protocol/flavour.js';
import type { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import type { HeartbeatBody } from '../wire/messages.js';
import type { ChainFile } from './chain-file.js';
import type { LocalControl, LocalServerUp, ReplicaThreads, ServerReading } from './local-server.js';

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
  /** @throws SkeinError TRANSACTION_LOST when the position is not in the cluster's history (rule M3) */
  refuseLost(position: Position, known: boolean): void;
}

/** The part of a node that follows from its role; the rest (server, HTTP, logs) is the same for both. */
export interface RoleNode
  extends Pick<
    NodeView,
    | 'epoch'
    | 'isOpen'
    | 'ready'
    | 'clusterStatus'
    | 'appliedPosition'
    | 'waitApplied'
    | 'waitCommitted'
    | 'confirmPrimary'
  > {
  readonly role: 'primary' | 'replica';
  /** Openness may be another one, or who the primary is and where. Listeners run before the role goes on. */
  readonly onChange: Emitter<void>;
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

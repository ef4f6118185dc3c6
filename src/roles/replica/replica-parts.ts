import type { EventLog } from '../../events/event-log.js';
import type { Flavour } from '../../flavour/flavour.js';
import type { LagMeter } from '../../membership/lag.js';
import type { Chain, ChainPlace } from '../../model/chain.js';
import type { SkeinError } from '../../model/error.js';
import type { MemberPlace } from '../../model/members.js';
import type { Position } from '../../model/position.js';
import type { Spool } from '../../spool/spool.js';
import type { Logger } from '../../std/logger.js';
import type { ChainFile } from '../chain-file.js';
import type { LocalControl } from '../local-server.js';
import type { LogEndFile } from '../log-end-file.js';
import type { Seeding } from '../seed-parts.js';
import type { XaFile } from '../xa-file.js';
import type { DdlNoteFile } from './ddl-note.js';

/** Options of the replica's role, and the parts of the node that it borrows. */

export interface ReplicaRoleOptions {
  node: string;
  /** Addresses of this node. */
  place: MemberPlace;
  /** Number of starts of this node so far. */
  boot: number;
  endpointUser: string;
  endpointPassword: string;
  /** Account for reading the server's own log. */
  replicationUser: string;
  replicationPassword: string;
  applierStallMs: number;
}

export interface ReplicaRoleModules {
  logger: Logger;
  flavour: Flavour;
  chainFile: ChainFile;
  ddlNote: DdlNoteFile;
  xaFile: XaFile;
  logEndFile: LogEndFile;
  events: EventLog;
  spool: Spool;
  seeding: Seeding;
  lag: LagMeter;
  control(): LocalControl;
  /** Sends an acknowledgement to the primary when the link is up. The link merges acknowledgements. */
  ack(ack: { received: number; durable: number; applied: number }): void;
  /** Tells the primary that this node's log has reached an entry of the chain. */
  adopted(place: ChainPlace): void;
  /** The log was cut to this chain, and then the chain was written. */
  chainChanged(chain: Chain): void;
  /** The spool has space again. */
  resumeLink(): void;
  /** See SeedTarget. */
  restartSpool(position: Position): Promise<void>;
  /** The recovery after a crash of the server is complete. */
  crashHandled(): Promise<void>;
  /** Kills the server (SIGKILL). It is started again. */
  kill(reason: string): void;
  /** Ends this process. */
  fail(error: SkeinError): void;
}

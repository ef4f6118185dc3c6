import type { EventLog } from '../../events/event-log.js';
import type { MemberPlace } from '../../model/members.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import type { Flavour } from '../../mysql-protocol/flavour.js';
import type { Spool } from '../../spool/spool.js';
import type { Logger } from '../../std/logger.js';
import type { ChainFile } from '../chain-file.js';
import type { LocalControl } from '../local-server.js';
import type { XaFile } from '../xa-file.js';
import type { DefinitionsFile } from './definitions-file.js';
import type { LogEndFile } from './log-end-file.js';

/** Options of the primary's role, and the parts of the node that it borrows. */

export interface PrimaryRoleOptions {
  node: string;
  /** Where this node is. */
  place: MemberPlace;
  acknowledge: AcknowledgeLevel;
  hubWindowBytes: number;
  annotateRows: boolean;
  /** Account for the dumps. */
  replicationUser: string;
  replicationPassword: string;
  /** Pause before the server is tried again that could not be opened; default 2,000 ms. */
  retryMs?: number;
}

export interface PrimaryRoleModules {
  logger: Logger;
  flavour: Flavour;
  chainFile: ChainFile;
  xaFile: XaFile;
  logEndFile: LogEndFile;
  definitionsFile: DefinitionsFile;
  events: EventLog;
  control(): LocalControl;
  /** The number of the next epoch, never given before and larger than this one. */
  newEpoch(known: number): Promise<number>;
  /** SIGKILL (rule C1: a fence waits for nothing); the server is started again. */
  kill(reason: string): Promise<void>;
  /** Clients' connections are cut when it resolves. */
  cutClients(): Promise<void>;
  /** A server id that it never had (rule C10). */
  newServerId(): Promise<number>;
  spool: Spool;
  /** What a crash of the server left behind is settled. */
  settled(): Promise<void>;
  /** Whether this replica was heard of lately; one that is silent can acknowledge nothing. */
  isHeard(node: string): boolean;
  /** First thing after the server was opened: accounts' tables and the like; waits for its commits. */
  prepareSystem(): Promise<void>;
}

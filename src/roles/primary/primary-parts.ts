import type { EventLog } from '../../events/event-log.js';
import type { Flavour } from '../../flavour/flavour.js';
import type { SkeinError } from '../../model/error.js';
import type { MemberPlace } from '../../model/members.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import type { Spool } from '../../spool/spool.js';
import type { Logger } from '../../std/logger.js';
import type { ChainFile } from '../chain-file.js';
import type { LocalControl } from '../local-server.js';
import type { LogEndFile } from '../log-end-file.js';
import type { OpenMark } from '../open-mark.js';
import type { ElectionPort } from '../role-node.js';
import type { XaFile } from '../xa-file.js';
import type { BootNumbers } from './boot-numbers.js';
import type { DefinitionsFile } from './definitions-file.js';

/** Options of the primary's role, and the parts of the node that it borrows. */

export interface PrimaryRoleOptions {
  node: string;
  /** Addresses of this node. */
  place: MemberPlace;
  acknowledge: AcknowledgeLevel;
  hubWindowBytes: number;
  annotateRows: boolean;
  /** Account for the dumps. */
  replicationUser: string;
  replicationPassword: string;
  /** Pause after a failed attempt to open the server; default 2,000 ms. */
  retryMs?: number;
}

export interface PrimaryRoleModules {
  logger: Logger;
  flavour: Flavour;
  chainFile: ChainFile;
  xaFile: XaFile;
  logEndFile: LogEndFile;
  boots: BootNumbers;
  definitionsFile: DefinitionsFile;
  openMark: OpenMark;
  election: ElectionPort;
  events: EventLog;
  control(): LocalControl;
  /** Kills the server with SIGKILL, without any wait (rule C1). The server is started again. */
  kill(reason: string): Promise<void>;
  /** Ends this process, which is started again. */
  fail(error: SkeinError): void;
  spool: Spool;
  /** The recovery after a crash of the server is complete. */
  crashHandled(): Promise<void>;
  /** Whether this replica has sent a heartbeat lately. A silent replica acknowledges nothing. */
  isHeard(node: string): boolean;
  /** Creates the system schema right after the server was opened. Waits for the quorum. */
  prepareSystem(): Promise<void>;
}

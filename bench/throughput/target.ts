import type { SqlNode } from '../../test/kit/sql-node.js';
import type { NamedProcess } from './process-figures.js';
import type { Endpoint } from './sysbench.js';

/** The running servers (and nodes) of one mode, as the measuring needs them. */
export interface Target {
  readonly id: string;
  /** The primary's own server: load never goes through a node. */
  readonly endpoint: Endpoint;
  readonly primary: SqlNode;
  readonly replicas: readonly SqlNode[];
  /** Servers and nodes, as they run now. */
  processes(): Promise<NamedProcess[]>;
  /** The sequence number up to which a replica has received everything, wherever it keeps it. */
  received(replica: SqlNode): Promise<number>;
  /** In order, with their servers. */
  stopReplicas(): Promise<void>;
  /** Resolves when they are started, not when they have caught up. */
  startReplicas(): Promise<void>;
  /** Every process is halted, so that it takes nothing from the target under test. */
  pause(): Promise<void>;
  /** Resolves when everything runs and replicates again. */
  resume(): Promise<void>;
  /** The last lines of its logs, for the message of a failure. */
  logs?(): Promise<string>;
  dispose(): Promise<void>;
}

/** The same for every server of every mode. */
export interface ServerSizes {
  readonly bufferPoolBytes: number;
  readonly args: readonly string[];
}

export const SERVER_SIZES: ServerSizes = {
  bufferPoolBytes: 256 * 2 ** 20,
  args: ['--max-connections=1000'],
};

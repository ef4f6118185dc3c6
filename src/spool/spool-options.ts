import type { Clock } from '../std/clock.js';
import type { Logger } from '../std/logger.js';
import type { GtidText } from './order.js';
import type { Storage } from './storage.js';

export interface SpoolOptions {
  readonly directory: string;
  /** A segment that has reached this is followed by the next one at the next group. */
  readonly segmentBytesMax?: number;
  /** Recent records kept in memory for readers. */
  readonly tailBytesMax?: number;
  /** Not yet durable bytes above which `append` asks for a pause. */
  readonly pendingBytesMax?: number;
  /** Idle time after which the last sync is noted by a closing mark. */
  readonly idleMarkMs?: number;
  /** Written with zeros ahead of the records at a time; 0 = nothing. */
  readonly preallocateBytes?: number;
}

export interface SpoolModules {
  readonly storage: Storage;
  readonly logger: Logger;
  /** A binary GTID as text, by the flavour of the servers. */
  readonly gtidText: GtidText;
  readonly clock?: Clock;
}

/** Where a spool without groups goes on, for `restartAfter`. GTIDs are in the flavour's binary form. */
export interface SpoolBase {
  readonly epoch: number;
  readonly ordinal: number;
  readonly gtid: Uint8Array;
  readonly previousGtid: Uint8Array;
}

const MIB = 1024 * 1024;
export const SPOOL_DEFAULTS = {
  segmentBytesMax: 64 * MIB,
  tailBytesMax: 4 * MIB,
  pendingBytesMax: 8 * MIB,
  idleMarkMs: 50,
  preallocateBytes: MIB,
};

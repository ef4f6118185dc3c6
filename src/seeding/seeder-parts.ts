/** What the seeder needs of its node; the composition root gives it. */
import type { EventLog } from '../events/event-log.js';
import type { SeedStream } from '../link/seed-dialer.js';
import type { Position } from '../model/position.js';
import type { Logger } from '../std/logger.js';
import type { SeedRequest } from '../wire/messages.js';
import type { DonorFacts } from './choose-donor.js';
import type { SeedRecordFile } from './seed-record.js';

export interface Donor extends DonorFacts {
  readonly link: { readonly host: string; readonly port: number };
}

/** A snapshot that is being received and prepared beside the data. */
export interface ArrivingSnapshot {
  /** Takes the next bytes, which must not change until it resolves. */
  write(bytes: Buffer): Promise<void>;
  /** After the last bytes: prepares it, and resolves when it is ready on the disk. */
  finish(expected: { gtid: string; bytes: number }, signal: AbortSignal): Promise<void>;
  discard(): Promise<void>;
}

export interface SeedSnapshots {
  /** Throws away what is half done. */
  begin(bytesExpected: number | null, signal: AbortSignal): Promise<ArrivingSnapshot>;
  /** Puts the ready one in the place of the data, by renaming. Only while the server is down. */
  place(): Promise<void>;
  /** Gives it up. True: the new data was in place, no server had got to its position, and the old data is back. */
  discard(): Promise<boolean>;
}

export interface SeedServer {
  /** Resolves when no process uses the data. */
  stop(reason: string): Promise<void>;
  /** Resolves when it runs; on new data, when it stands at the position of that. */
  start(signal: AbortSignal): Promise<void>;
}

export interface SeederModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly record: SeedRecordFile;
  readonly snapshots: SeedSnapshots;
  readonly server: SeedServer;
  donors(): readonly Donor[];
  dial(donor: Donor, request: SeedRequest, signal: AbortSignal): Promise<SeedStream>;
  /** In the history that this node follows. */
  positionOf(gtid: string): Position;
  nameOf(ordinal: number): string;
  /** Ordinal that the primary of the present epoch has called committed; null = it was not heard since the start. */
  committed(): number | null;
  /** Of the spool: its first group, and its last one. */
  spool(): { readonly begin: number; readonly end: number };
  /** The spool goes on after this position, which the server's data covers. */
  restartSpool(position: Position): Promise<void>;
  /** Ordinal up to which the server has executed; null = it does not follow yet. */
  applied(): number | null;
  /** Writes down what only this server has, before its data is replaced; says where, null = there is nothing. */
  keepExtra(reason: string, signal: AbortSignal): Promise<string | null>;
  readonly nowMs: () => number;
}

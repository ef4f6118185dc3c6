import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { SeedNeed, SeedProgress } from '../model/seed.js';
import type { Emitter } from '../std/emitter.js';

/** What the roles know of the room `seeding`, and it of them. */

/** Fills this node's server from another node; see src/seeding. */
export interface Seeding {
  /** Requests a seed. Returns null when the seed is under way, or the reason why it is not begun automatically. */
  need(need: SeedNeed): string | null;
  /** @throws SkeinError NOT_SEEDING, SEED_NOT_CANCELLABLE */
  cancel(reason: string): Promise<void>;
  readonly isRunning: boolean;
  /** Why a seed forbids to serve clients; null = it does not. */
  readonly closed: string | null;
  readonly progress: SeedProgress | null;
  /** The spool must keep the groups from this ordinal on. */
  readonly keepsFrom: number;
  readonly onChange: Emitter<void>;
}

export function seedOfWitness(node: string): SkeinError {
  return new SkeinError('SEED_OF_WITNESS', `${node} is a witness: it has no server that could be filled.`);
}

/** What a seed needs of a replica's role. */
export interface SeedTarget {
  /** Commit position that the primary of the current epoch has sent; null = none yet. */
  committed(): number | null;
  /** Ordinal up to which the server has executed; null = the server does not replicate from this node now. */
  applied(): number | null;
  /** Empties the spool. It continues after this position, which the server's data includes. */
  restartSpool(position: Position): Promise<void>;
  /** The server's data was replaced, so facts about the old data are forgotten. */
  dataReplaced(): void;
}

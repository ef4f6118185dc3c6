import type { ChainEntry } from '../model/chain.js';
import type { Position } from '../model/position.js';
import type { Fitness } from './state.js';

/**
 * What a node does when its election wants it, see the effects in state.ts. Each call returns at once or with a promise, and
 * none calls the driver back before it has returned.
 */
export interface ElectionActions {
  /**
   * Ends links and the source of epochs below `epoch`, and drops their acknowledgements, before it returns. Resolves when the
   * log has no write under way (rule E13).
   */
  settleLog(epoch: number): Promise<void>;
  /** Attach to this primary, for this epoch only. */
  follow(leader: string, epoch: number): void;
  /** The beginning is on this node's disk: members may attach, and are fed from the spool. */
  feed(epoch: number): void;
  /** The beginning is on a majority. */
  lead(epoch: number): void;
  /** The server may be opened for clients. */
  serve(epoch: number): void;
  suspend(reason: string): void;
  resume(): void;
  /**
   * Holds writes, finishes those under way, reads the log to its end. Resolves with the last ordinal, or with null when writes
   * under way did not end in time; never rejects.
   */
  drain(to: string, reason: string): Promise<number | null>;
  undrain(reason: string): void;
  stepDown(epoch: number, reason: string): void;
  announce(entry: ChainEntry, isSettled: boolean): void;
}

/** What the driver reads at each event. */
export interface ElectionFacts {
  /** The last group of the spool that is on the disk. */
  log(): Position;
  /** Ordinal up to which the server has executed. */
  applied(): number;
  /** Whether the server is up, maintenance, priority, and why the node abstains. */
  fitness(): Fitness;
}

/** Where the election tells what it does and why. */
export interface ElectionEvents {
  add(
    event: 'election' | 'election.report',
    subject: string,
    reason: string,
    more?: Record<string, unknown>,
  ): void;
}

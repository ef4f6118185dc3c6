import { monotonicMs } from '../../std/clock.js';
import type { ServerReading } from '../local-server.js';

/** Applied transactions per second above which batching is turned on, and below which it is turned off. */
const ON_ABOVE = 300;
const OFF_BELOW = 150;
/** Minimum time over which the rate is measured. */
const SPAN_MS = 200;

/**
 * Turns the batching of commits on a replica's server on and off. Only reads that wait for a position wait for a replica's
 * commits. While many commits arrive, several parallel workers commit together, with one write and one fsync of log and engine.
 * That saves an eighth of the server's CPU or more (docs/performance.md). While few arrive, each commits at once, so that a
 * read that waits for its own write is not delayed.
 */
export class CommitBatching {
  readonly #setBatching: (on: boolean) => Promise<void>;
  #from: { readonly ordinal: number; readonly atMs: number } | null = null;

  constructor(setBatching: (on: boolean) => Promise<void>) {
    this.#setBatching = setBatching;
  }

  /** Takes the applied position. Uses the server's setting in each reading, because the server may have been restarted. */
  async watch(
    ordinal: number,
    { batchesCommits }: Pick<ServerReading, 'batchesCommits'>,
    now = monotonicMs(),
  ): Promise<void> {
    const from = this.#from;
    if (from !== null && now - from.atMs < SPAN_MS) return;
    this.#from = { ordinal, atMs: now };
    // The settings are an operator's, so they are not changed.
    if (from === null || batchesCommits === null) return;
    const perSecond = ((ordinal - from.ordinal) * 1000) / (now - from.atMs);
    if (batchesCommits ? perSecond < OFF_BELOW : perSecond > ON_ABOVE)
      await this.#setBatching(!batchesCommits);
  }
}

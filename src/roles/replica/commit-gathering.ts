import { monotonicMs } from '../../std/clock.js';
import type { ServerReading } from '../local-server.js';

/** Applied transactions a second from which on commits gather, and below which they do not any more. */
const MANY = 300;
const FEW = 150;
/** The rate is taken over at least this. */
const SPAN_MS = 200;

/**
 * Only reads that ask for a position wait for a replica's commits. While many commits come, several of its parallel
 * workers commit together, with one write and one fsync of log and engine (an eighth of the server's CPU and more, see
 * docs/performance.md). While few come each commits at once, so that a read that waits for its own write waits no longer.
 */
export class CommitGathering {
  readonly #gather: (on: boolean) => Promise<void>;
  #from: { readonly ordinal: number; readonly atMs: number } | null = null;

  constructor(gather: (on: boolean) => Promise<void>) {
    this.#gather = gather;
  }

  /** Checks what the server has applied. Reads its setting each time, because the server may have been restarted. */
  async watch(
    ordinal: number,
    { commitsGather }: Pick<ServerReading, 'commitsGather'>,
    now = monotonicMs(),
  ): Promise<void> {
    const from = this.#from;
    if (from !== null && now - from.atMs < SPAN_MS) return;
    this.#from = { ordinal, atMs: now };
    // An operator has set it otherwise.
    if (from === null || commitsGather === null) return;
    const perSecond = ((ordinal - from.ordinal) * 1000) / (now - from.atMs);
    if (commitsGather ? perSecond < FEW : perSecond > MANY) await this.#gather(!commitsGather);
  }
}

/**
 * Decides whether the event loop writes synchronously or hands the write to the thread pool. For a small write the pool
 * costs more CPU than the write (seen: 140 us against 65 us), and on a fast disk more time too. But a loop that waits for a
 * disk sends no heartbeats. So the time lost to slow writes is bounded: after `LOST_MAX_MS` more than fast writes have made
 * up for (and the one write that exceeds it), writes go to the pool for a while, each time twice as long. While a disk stays
 * slow, the loop waits for it less than a twentieth of the time.
 */
const QUICK_MS = 1;
/** Twenty milliseconds delay a heartbeat by less than a busy machine does. */
const LOST_MAX_MS = 20;
/** Lost time that one fast write makes up for: on a busy machine one write in three takes some milliseconds, on any disk. */
const QUICK_REGAINS_MS = 3;
const REST_FIRST_MS = 50;
const REST_MAX_MS = 60_000;
/** A rest lasts at least this many times the wait before it. */
const REST_PER_WAIT = 20;

/** A disk that stands still for this long does so for all of its files. */
const STALL_MS = 100;

/** A disk that stood still. Its files share this, or the loop would wait once for each of them. */
export interface DiskStall {
  restUntilMs: number;
}

/** Of the disk of the node's directory, on which all is that a node writes. */
const ownDisk: DiskStall = { restUntilMs: 0 };

export class SyncWritePolicy {
  readonly #nowMs: () => number;
  readonly #disk: DiskStall;
  #lostMs = 0;
  #restMs = REST_FIRST_MS;
  #restUntilMs = 0;

  constructor(nowMs: () => number, disk: DiskStall = ownDisk) {
    this.#nowMs = nowMs;
    this.#disk = disk;
  }

  allows(): boolean {
    const restUntilMs = Math.max(this.#restUntilMs, this.#disk.restUntilMs);
    return restUntilMs === 0 || this.#nowMs() >= restUntilMs;
  }

  /** Records a synchronous write that began at `beganMs` and ends now. */
  waited(beganMs: number): void {
    const now = this.#nowMs();
    const tookMs = now - beganMs;
    if (tookMs <= QUICK_MS) {
      this.#restUntilMs = 0;
      if (this.#lostMs === 0) this.#restMs = REST_FIRST_MS;
      this.#lostMs = Math.max(0, this.#lostMs - QUICK_REGAINS_MS);
      return;
    }
    if (tookMs >= STALL_MS) this.#disk.restUntilMs = now + REST_PER_WAIT * tookMs;
    this.#lostMs = Math.min(LOST_MAX_MS, this.#lostMs + tookMs);
    if (this.#lostMs < LOST_MAX_MS) return;
    this.#restUntilMs = now + Math.max(this.#restMs, REST_PER_WAIT * tookMs);
    this.#restMs = Math.min(2 * this.#restMs, REST_MAX_MS);
  }
}

/**
 * The lag of a replica in milliseconds: the age of the oldest transaction that its server has not executed.
 *
 * A marker is (ordinal, time at which the primary's node read the group). It comes from the header of a received record.
 * The primary's clock may differ from ours by hours and may be set at any time, so nothing here uses our wall clock.
 * Each heartbeat says what the primary's clock showed when it was sent. The smallest (received - sent) of a window of
 * heartbeats is the offset to our monotonic clock plus the shortest network delay. Each marker is converted to our time
 * when it arrives. Heartbeats also carry the sender's monotonic clock. When the sender's two clocks drift apart, its wall
 * clock was set (or it is another process), and the window begins again.
 *
 * Pure: every method takes the time. All times are monotonic ms of this node, except those called `sentAtMs` and the
 * parameter `atMs` of `received`.
 */
export interface LagOptions {
  /** Markers that are kept. Beyond this, neighbours are merged, which may overstate the lag by their distance in time. */
  readonly markersMax: number;
  /** Number of heartbeats whose minimum is the clock offset. */
  readonly windowSize: number;
}

const LAG_DEFAULTS: LagOptions = { markersMax: 2048, windowSize: 60 };

/**
 * After this time without a heartbeat, the lag of an up-to-date replica counts from the last time at which it was known to
 * be up to date.
 */
const SILENT_AFTER_MS = 1500;

/** The primary's clock counts as set above this difference. Smaller ones come from the rounding of the two clocks. */
const CLOCK_SET_MS = 20;

/** Wall clock and monotonic clock of the primary's node, both at the moment of sending. */
export interface PrimaryClock {
  readonly sentAtMs: number;
  readonly uptimeMs: number;
}

interface Marker {
  /** First ordinal of the marker. The marker covers all ordinals before the next marker. */
  readonly ordinal: number;
  /** When the primary read the first of them, in our time. */
  readonly atMs: number;
}

export class LagMeter {
  readonly #options: LagOptions;
  /** The primary's wall clock + offset = our monotonic clock. */
  #offsetMs: number;
  #samples: number[] = [];
  #clockBaseMs: number | null = null;
  #markers: Marker[] = [];
  /** Markers before this index are applied. They are removed many at a time. */
  #first = 0;
  #mergeWithinMs = 0;
  #last: Marker = { ordinal: 0, atMs: Number.NEGATIVE_INFINITY };
  #headOrdinal: number | null = null;
  /** When the primary's log ended at #headOrdinal, in our time. */
  #headAtMs = 0;
  /** Last time at which the replica is known to have executed everything; null = never. */
  #caughtUpAtMs: number | null = null;
  #applied = 0;

  /** `wallMs`: our wall clock, a first guess of the primary's clock until a heartbeat arrives. */
  constructor(options: Partial<LagOptions>, clocks: { readonly nowMs: number; readonly wallMs: number }) {
    this.#options = { ...LAG_DEFAULTS, ...options };
    this.#offsetMs = clocks.nowMs - clocks.wallMs;
  }

  /**
   * A welcome or a heartbeat of the primary arrived. `headOrdinal`: the end of the primary's log then
   * (positions.received).
   */
  heard(clock: PrimaryClock, headOrdinal: number, nowMs: number): void {
    this.#heardClock(clock, nowMs);
    this.#headOrdinal = headOrdinal;
    // Not the time of arrival, because the heartbeat may have waited behind data.
    this.#headAtMs = Math.min(nowMs, clock.sentAtMs + this.#offsetMs);
    this.#noteCaughtUp();
  }

  #heardClock(clock: PrimaryClock, nowMs: number): void {
    const baseMs = clock.sentAtMs - clock.uptimeMs;
    const set = this.#clockBaseMs === null || Math.abs(baseMs - this.#clockBaseMs) > CLOCK_SET_MS;
    if (set) this.#samples = [];
    this.#clockBaseMs = baseMs;
    this.#samples.push(nowMs - clock.sentAtMs);
    if (this.#samples.length > this.#options.windowSize) this.#samples.shift();
    this.#offsetMs = Math.min(...this.#samples);
  }

  /**
   * Records up to and including `ordinal` have arrived. `atMs`: the primary's wall clock in the header of the first new
   * one.
   */
  received(ordinal: number, atMs: number, nowMs: number): void {
    if (ordinal <= this.#last.ordinal) return;
    // Clamped between the previous marker and now. So a clock that was set spoils only the markers between that moment
    // and the next heartbeat.
    const marker: Marker = {
      ordinal: this.#last.ordinal + 1,
      atMs: Math.min(nowMs, Math.max(this.#last.atMs, atMs + this.#offsetMs)),
    };
    this.#last = { ordinal, atMs: marker.atMs };
    const before = this.#markers.at(-1);
    if (before && marker.atMs - before.atMs <= this.#mergeWithinMs) return;
    this.#markers.push(marker);
    if (this.#markers.length - this.#first > this.#options.markersMax) this.#thin();
  }

  /** The spool was cut after `ordinal`. */
  cut(ordinal: number): void {
    if (ordinal >= this.#last.ordinal) return;
    this.#markers = this.#markers.filter((marker) => marker.ordinal <= ordinal);
    this.#first = Math.min(this.#first, this.#markers.length);
    this.#last = { ordinal, atMs: this.#last.atMs };
  }

  /** Age in ms of the oldest transaction not yet applied; 0 = caught up, null = not known yet. */
  lagMs(appliedOrdinal: number, nowMs: number): number | null {
    this.#applied = appliedOrdinal;
    this.#forget(appliedOrdinal);
    this.#noteCaughtUp();
    const sinceMs = this.#behindSince(appliedOrdinal, nowMs);
    return sinceMs === null ? null : Math.max(0, nowMs - sinceMs);
  }

  #behindSince(applied: number, nowMs: number): number | null {
    const oldest = this.#markers[this.#first];
    if (oldest && applied < this.#last.ordinal) return oldest.atMs;
    if (this.#headOrdinal === null) return null;
    const sinceMs = this.#lastCaughtUpMs();
    if (applied < this.#headOrdinal) return sinceMs;
    // While the link is silent, the replica cannot know what the primary has written.
    return sinceMs !== null && nowMs - sinceMs <= SILENT_AFTER_MS ? nowMs : sinceMs;
  }

  /**
   * For a replica that has applied all that arrived: the last time at which it had everything. Any missing transaction is
   * younger.
   */
  #lastCaughtUpMs(): number | null {
    const sinceMs = Math.max(this.#caughtUpAtMs ?? Number.NEGATIVE_INFINITY, this.#last.atMs);
    return sinceMs === Number.NEGATIVE_INFINITY ? null : sinceMs;
  }

  #noteCaughtUp(): void {
    if (this.#headOrdinal !== null && this.#applied >= this.#headOrdinal) this.#caughtUpAtMs = this.#headAtMs;
  }

  #forget(applied: number): void {
    // A marker is applied when the next one begins at or before the first ordinal that is not applied.
    while (this.#first < this.#markers.length) {
      const endsAt = this.#markers[this.#first + 1]?.ordinal ?? this.#last.ordinal + 1;
      if (endsAt > applied + 1) break;
      this.#first++;
    }
    if (this.#first === this.#markers.length) {
      this.#markers = [];
      this.#first = 0;
      this.#mergeWithinMs = 0;
    } else if (this.#first > this.#options.markersMax) {
      this.#markers = this.#markers.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Doubles the time within which neighbours are merged, until half of the markers are free. */
  #thin(): void {
    this.#markers = this.#markers.slice(this.#first);
    this.#first = 0;
    while (this.#markers.length > this.#options.markersMax / 2) {
      this.#mergeWithinMs = Math.max(1, this.#mergeWithinMs * 2);
      this.#markers = merged(this.#markers, this.#mergeWithinMs);
    }
  }
}

function merged(markers: readonly Marker[], withinMs: number): Marker[] {
  const kept: Marker[] = [];
  for (const marker of markers) {
    const before = kept.at(-1);
    if (!before || marker.atMs - before.atMs > withinMs) kept.push(marker);
  }
  return kept;
}

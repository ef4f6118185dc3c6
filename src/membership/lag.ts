/**
 * How far a replica is behind, in milliseconds: the age of the oldest transaction that its server has not executed.
 *
 * Markers are (ordinal, time at which the primary's node read the group), from the headers of received records.
 * The primary's clock may be hours away from ours and may be set at any time, so nothing here looks at our wall
 * clock: heartbeats say what the primary's clock showed when they were sent, the smallest (heard - sent) of a window
 * is the offset to our monotonic clock plus the shortest journey, and each marker is turned into our time when it
 * comes in. Heartbeats also carry the sender's monotonic clock; when the sender's two clocks drift apart, its wall
 * clock was set (or it is another process), and the window begins again.
 *
 * Pure: every method takes the time; all times are monotonic ms of this node unless they are called `atMs`/`sentAtMs`.
 */
export interface LagOptions {
  /** Markers kept; beyond that neighbours are merged, and the lag may be overstated by their distance in time. */
  readonly markersMax: number;
  /** Heartbeats that the offset is the minimum of. */
  readonly windowSize: number;
}

const LAG_DEFAULTS: LagOptions = { markersMax: 2048, windowSize: 60 };

/**
 * After this time without a heartbeat, the lag of an up-to-date replica counts from when it was last known to be up to
 * date.
 */
const SILENT_AFTER_MS = 1500;

/** Smaller differences are rounding of the two clocks. */
const CLOCK_SET_MS = 20;

/** Wall clock and monotonic clock of the primary's node, both at the moment of sending. */
export interface PrimaryClock {
  readonly sentAtMs: number;
  readonly uptimeMs: number;
}

interface Marker {
  /** It stands for the ordinals from here to the one before the next marker. */
  readonly ordinal: number;
  /** When the first of them was read on the primary, in our time. */
  readonly atMs: number;
}

export class LagMeter {
  readonly #options: LagOptions;
  /** primary's wall clock + offset = our monotonic clock. */
  #offsetMs: number;
  #samples: number[] = [];
  #clockBaseMs: number | null = null;
  #markers: Marker[] = [];
  /** Markers before this index are applied; they are cut off now and then. */
  #first = 0;
  #mergeWithinMs = 0;
  #last: Marker = { ordinal: 0, atMs: Number.NEGATIVE_INFINITY };
  #headOrdinal: number | null = null;
  /** When the primary said so, in our time. */
  #headAtMs = 0;
  /** Last moment at which the replica is known to have had everything executed; null = never. */
  #levelAtMs: number | null = null;
  #applied = 0;

  /** `wallMs` is ours: a first guess, until the primary is heard. */
  constructor(options: Partial<LagOptions>, clocks: { readonly nowMs: number; readonly wallMs: number }) {
    this.#options = { ...LAG_DEFAULTS, ...options };
    this.#offsetMs = clocks.nowMs - clocks.wallMs;
  }

  /** The welcome or a heartbeat of the primary; `headOrdinal`: how far its log went then (its positions.received). */
  heard(clock: PrimaryClock, headOrdinal: number, nowMs: number): void {
    this.#heardClock(clock, nowMs);
    this.#headOrdinal = headOrdinal;
    // Not when it was heard: it may have waited behind data for long.
    this.#headAtMs = Math.min(nowMs, clock.sentAtMs + this.#offsetMs);
    this.#noteLevel();
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

  /** Records up to and including `ordinal` have come; `atMs`: from the header of the first new one. */
  received(ordinal: number, atMs: number, nowMs: number): void {
    if (ordinal <= this.#last.ordinal) return;
    // Not of the future and not before its predecessor: so a clock that was set spoils no more than the markers
    // that come between that moment and the next heartbeat.
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

  /** The spool was cut: what lies behind `ordinal` was never there. */
  cut(ordinal: number): void {
    if (ordinal >= this.#last.ordinal) return;
    this.#markers = this.#markers.filter((marker) => marker.ordinal <= ordinal);
    this.#first = Math.min(this.#first, this.#markers.length);
    this.#last = { ordinal, atMs: this.#last.atMs };
  }

  /** Age in ms of the oldest transaction not yet applied; 0 when level; null when nothing is known yet. */
  lagMs(appliedOrdinal: number, nowMs: number): number | null {
    this.#applied = appliedOrdinal;
    this.#forget(appliedOrdinal);
    this.#noteLevel();
    const sinceMs = this.#behindSince(appliedOrdinal, nowMs);
    return sinceMs === null ? null : Math.max(0, nowMs - sinceMs);
  }

  #behindSince(applied: number, nowMs: number): number | null {
    const oldest = this.#markers[this.#first];
    if (oldest && applied < this.#last.ordinal) return oldest.atMs;
    if (this.#headOrdinal === null) return null;
    const sinceMs = this.#lastLevelMs();
    if (applied < this.#headOrdinal) return sinceMs;
    // A silent link hides what the primary has done since.
    return sinceMs !== null && nowMs - sinceMs <= SILENT_AFTER_MS ? nowMs : sinceMs;
  }

  /** With all that has come applied: when it had everything for the last time; what it lacks is younger. */
  #lastLevelMs(): number | null {
    const sinceMs = Math.max(this.#levelAtMs ?? Number.NEGATIVE_INFINITY, this.#last.atMs);
    return sinceMs === Number.NEGATIVE_INFINITY ? null : sinceMs;
  }

  #noteLevel(): void {
    if (this.#headOrdinal !== null && this.#applied >= this.#headOrdinal) this.#levelAtMs = this.#headAtMs;
  }

  #forget(applied: number): void {
    // A marker is done with when the next one begins at or before the first that is not applied.
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

  /** Doubles the distance within which neighbours are one, until half of the room is free. */
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

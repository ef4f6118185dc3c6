/**
 * How often each token with a limit may ask, on this node: a bucket that holds one second's worth and fills evenly.
 * Bounded by the number of tokens.
 */
interface Bucket {
  left: number;
  atMs: number;
}

/** Revoked tokens leave their buckets behind. Above this number all buckets are dropped. */
const BUCKETS_MAX = 10_000;

export class TokenLimits {
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Takes one request out of the token's bucket. Returns the whole seconds to wait when it is empty, else 0. */
  take(id: string, requestsPerSecond: number): number {
    const now = this.#now();
    let bucket = this.#buckets.get(id);
    if (!bucket) {
      if (this.#buckets.size >= BUCKETS_MAX) this.#buckets.clear();
      bucket = { left: requestsPerSecond, atMs: now };
      this.#buckets.set(id, bucket);
    }
    const filled = bucket.left + ((now - bucket.atMs) / 1000) * requestsPerSecond;
    bucket.left = Math.min(requestsPerSecond, filled);
    bucket.atMs = now;
    if (bucket.left < 1) return Math.max(1, Math.ceil((1 - bucket.left) / requestsPerSecond));
    bucket.left -= 1;
    return 0;
  }
}

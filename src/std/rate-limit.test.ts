import { describe, expect, it } from 'vitest';
import { RateLimit } from './rate-limit.js';

describe('a rate limit', () => {
  it('lets so many bytes pass in a second, with a small burst after a pause', () => {
    const limit = new RateLimit(1000);
    expect(limit.book(100, 10_000)).toBe(0);
    expect(limit.book(100, 10_000)).toBe(100);
    expect(limit.book(900, 10_100)).toBe(900);
    expect(limit.book(100, 20_000)).toBe(0);
  });

  it('is changed while it is used, and taken away', () => {
    const limit = new RateLimit(10);
    expect(limit.book(100, 0)).toBe(9_900);
    limit.bytesPerSecond = null;
    expect(limit.book(1e9, 0)).toBe(0);
    limit.bytesPerSecond = 1000;
    expect(limit.book(1000, 0)).toBe(900);
  });
});

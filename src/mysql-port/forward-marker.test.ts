import { expect, it } from 'vitest';
import { FORWARD_MARKER, ForwardMarkerFilter } from './forward-marker.js';

it('the beginning of a hop in pieces is one, and what only looks like it goes on', () => {
  for (const size of [1, 5, FORWARD_MARKER.length]) {
    const filter = new ForwardMarkerFilter();
    const bytes = Buffer.concat([FORWARD_MARKER, Buffer.from('rest')]);
    const out: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) out.push(filter.take(bytes.subarray(at, at + size)));
    expect([filter.forwarded, Buffer.concat(out).toString()]).toEqual([true, 'rest']);
  }
  const other = Buffer.from(FORWARD_MARKER);
  other[3] = 1;
  const filter = new ForwardMarkerFilter();
  expect(filter.take(other.subarray(0, 3))).toHaveLength(0);
  expect(filter.take(other.subarray(3))).toEqual(other);
  expect(filter.forwarded).toBe(false);
});

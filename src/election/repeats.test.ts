import { expect, it } from 'vitest';
import { Repeats } from './repeats.js';

it('lets a sentence through once in a second, and ever less often while it goes on', () => {
  const repeats = new Repeats();
  const passed: [number, number][] = [];
  for (let nowMs = 0; nowMs <= 200_000; nowMs += 200) {
    const heldBack = repeats.pass('n2 is set back.', nowMs);
    if (heldBack !== null) passed.push([nowMs / 1000, heldBack]);
  }
  expect(passed).toEqual([
    [0, 0],
    [1, 4],
    [3, 9],
    [7, 19],
    [15, 39],
    [31, 79],
    [63, 159],
    [123, 299],
    [183, 299],
  ]);
  // It has ended, and comes again later.
  expect(repeats.pass('n2 is set back.', 400_000)).toBe(85);
  expect(repeats.pass('n2 is set back.', 401_000)).toBe(0);
});

it('lets others through meanwhile, and does not keep them for ever', () => {
  const repeats = new Repeats();
  for (let i = 0; i < 1000; i++) expect(repeats.pass(`It asks for votes in epoch ${i}.`, i)).toBe(0);
  expect(repeats.pass('It asks for votes in epoch 0.', 999)).toBe(0);
  expect(repeats.pass('It asks for votes in epoch 999.', 999)).toBeNull();
});

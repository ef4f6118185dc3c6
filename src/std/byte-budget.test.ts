import { expect, it } from 'vitest';
import { ByteBudget } from './byte-budget.js';

it('holds no more than all, and of one holder no more than its share', () => {
  const budget = new ByteBudget({ bytesMax: 100, shareMax: 60 });
  const a = budget.hold('a');
  const again = budget.hold('a');
  expect(a.grow(50)).toBe(true);
  expect(again.grow(11)).toBe(false);
  expect(again.grow(10)).toBe(true);
  const b = budget.hold('b');
  expect(b.grow(41)).toBe(false);
  expect(b.grow(40)).toBe(true);
  expect(budget.used).toBe(100);
  a.release();
  a.release();
  expect(budget.used).toBe(50);
  expect(a.grow(1)).toBe(false);
  expect(b.grow(20)).toBe(true);
  for (const held of [again, b]) held.release();
  expect(budget.used).toBe(0);
});

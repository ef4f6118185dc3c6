import { expect, it } from 'vitest';
import { countOf } from './gtid.js';

it.each([
  ['', 0],
  ['0-1000001-57', 57],
  ['1-1-3,0-1000001-57', 57],
  ['1-1-3, 0-1000001-57', 57],
  ['10-1-3,1-1-3', 0],
])('a server at "%s" has %d transactions of the cluster', (position, count) => {
  expect(countOf(position)).toBe(count);
});

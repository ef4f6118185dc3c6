import { expect, it } from 'vitest';
import { ownGtid } from './gtid.js';

it.each([
  ['', ''],
  ['0-1000001-57', '0-1000001-57'],
  ['1-1-3,0-1000001-57', '0-1000001-57'],
  ['10-1-3,1-1-3', ''],
])('of the position "%s" the cluster has "%s"', (position, gtid) => {
  expect(ownGtid(position)).toBe(gtid);
});

import { expect, it } from 'vitest';
import type { Chain } from '../model/chain.js';
import { ORIGIN } from '../model/position.js';
import { isInHistory, positionAt, positionOf } from './history.js';
import { mariadb } from './mariadb/mariadb.js';

/** Epoch 1 from the beginning, epoch 3 after number 10. */
const CHAIN: Chain = [
  { epoch: 1, number: 0, beginsAfter: ORIGIN, primary: 'n1', members: null },
  {
    epoch: 3,
    number: 0,
    beginsAfter: { epoch: 1, ordinal: 10, gtid: '0-1000001-10' },
    primary: 'n2',
    members: null,
  },
];

it('names the transactions of each epoch', () => {
  expect(positionAt(CHAIN, 0, mariadb)).toEqual(ORIGIN);
  expect(positionAt(CHAIN, 10, mariadb)).toEqual({ epoch: 1, ordinal: 10, gtid: '0-1000001-10' });
  expect(positionAt(CHAIN, 11, mariadb)).toEqual({ epoch: 3, ordinal: 11, gtid: '0-1000003-11' });
});

it('finds the position of a server', () => {
  expect(positionOf(CHAIN, '', mariadb)).toEqual(ORIGIN);
  expect(positionOf(CHAIN, '0-1000003-12', mariadb)).toEqual({ epoch: 3, ordinal: 12, gtid: '0-1000003-12' });
});

it('tells a transaction of the cluster from another one under the same number', () => {
  expect(['', '0-1000001-10', '0-1000003-11'].map((gtid) => isInHistory(CHAIN, gtid, mariadb))).toEqual([
    true,
    true,
    true,
  ]);
  expect(
    ['0-1000001-11', '0-1000003-10', '0-77-10', '1-1000001-10'].map((gtid) =>
      isInHistory(CHAIN, gtid, mariadb),
    ),
  ).toEqual([false, false, false, false]);
});

import { expect, it } from 'vitest';
import { epochOf, listInForce, throwIfLost } from '../model/chain.js';
import { restoredChain, restoredHistory } from './restored-history.js';

const at = (epoch: number, ordinal: number) => ({ epoch, ordinal, gtid: ordinal === 0 ? '' : `g${ordinal}` });
const history = {
  position: at(3, 9),
  epochs: [
    { epoch: 1, beginsAfter: at(0, 0) },
    { epoch: 3, beginsAfter: at(1, 5) },
  ],
};
const founder = {
  ...{ name: 'n1', incarnation: 'a', voter: true, link: { host: '127.0.0.1', port: 7083 } },
  ...{ http: 'http://127.0.0.1:8083', mysqlRw: null, mysqlRo: null },
};

it('a restored cluster keeps the epochs of its old transactions, and continues in new epochs', () => {
  const chain = restoredChain(history, founder);
  expect([epochOf(chain, 5), epochOf(chain, 9), epochOf(chain, 10)]).toEqual([1, 3, 1003]);
  expect(listInForce(chain)).toEqual([founder]);
  // The old cluster went on after the backup. The new cluster refuses those positions.
  expect(() => throwIfLost(chain, at(3, 10))).toThrow(/not in the cluster's history/);
  expect(() => throwIfLost(chain, at(3, 9))).not.toThrow();
});

it('a cluster without any transaction can be restored', () => {
  expect(epochOf(restoredChain({ position: at(0, 0), epochs: [] }, founder), 1)).toBe(1000);
});

it('only restored data has a history', () => {
  expect(restoredHistory({ history })).toEqual(history);
  expect([restoredHistory(undefined), restoredHistory({}), restoredHistory({ history: {} })]).toEqual([
    null,
    null,
    null,
  ]);
});

import { expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { at } from '../../test/kit/link.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { ORIGIN } from '../model/position.js';
import { spoolBase } from './spool-base.js';

const chain = [epochEntry(1, ORIGIN), epochEntry(3, at(1, 100))];
const epochAt = (epoch: number, ordinal: number, known = chain) =>
  spoolBase(at(epoch, ordinal), { chain: known, flavour: mariadb }).epoch;

it('names the epoch of the chain, also of a position that was read before the chain came', () => {
  expect([epochAt(0, 50), epochAt(0, 150), epochAt(3, 150)]).toEqual([1, 3, 3]);
});

it('keeps the epoch of a position that this node’s chain does not know yet', () => {
  expect(epochAt(4, 150)).toBe(4);
});

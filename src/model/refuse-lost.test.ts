import { expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import type { Chain } from './chain.js';
import { throwIfLost } from './chain.js';

const at = (epoch: number, ordinal: number) => ({
  epoch,
  ordinal,
  gtid: `0-${1_000_000 + epoch}-${ordinal}`,
});
const chain: Chain = [epochEntry(1, { epoch: 0, ordinal: 0, gtid: '' }), epochEntry(3, at(1, 5))];

it.each([
  ['of the first epoch', at(1, 5), true],
  ['of the newest epoch', at(3, 6), true],
  ['the beginning', at(0, 0), true],
  ['beyond where its epoch ended', at(1, 6), false],
  ['before its epoch began', at(3, 5), false],
  ['of an epoch that never was', at(2, 5), false],
])('a position %s', (_name, position, fine) => {
  const check = () => throwIfLost(chain, position);
  if (fine) expect(check).not.toThrow();
  else expect(check).toThrow(expect.objectContaining({ code: 'TRANSACTION_LOST' }));
});

it('of an epoch that may still be heard of is not judged', () => {
  expect(() => throwIfLost(chain, at(4, 9))).not.toThrow();
});

it('a position that an operator has given up says so', () => {
  const forced = [...chain, { ...epochEntry(11_000_000, at(3, 8)), primary: 'n2' }];
  expect(() => throwIfLost(forced, at(3, 9))).toThrow('n2 was made the primary by force');
  expect(() => throwIfLost(forced, at(1, 6))).toThrow();
  expect(() => throwIfLost(forced, at(3, 8))).not.toThrow();
});

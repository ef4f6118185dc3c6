import { expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import type { ListedMember } from '../model/members.js';
import { ORIGIN } from '../model/position.js';
import { forcedWarning } from './forced-warning.js';

const member = (name: string, voter: boolean): ListedMember => ({
  ...{ name, voter, incarnation: '', http: '', mysqlRw: null, mysqlRo: null },
  link: { host: name, port: 1 },
});
const chain = (epoch: number, isN2Voter: boolean) => [
  epochEntry(epoch, ORIGIN, [member('n1', true), member('n2', isN2Voter)]),
];

it('warns until the others are voters again', () => {
  expect(forcedWarning(chain(10_000_000, false))).toEqual([
    expect.stringMatching(/^n1 was made the primary by force in epoch 10000000.*n2 does not count yet/),
  ]);
  expect(forcedWarning(chain(10_000_000, true))).toEqual([]);
  expect(forcedWarning(chain(3, false))).toEqual([]);
  expect(forcedWarning([])).toEqual([]);
});

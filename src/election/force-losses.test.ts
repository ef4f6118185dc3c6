import { expect, it } from 'vitest';
import type { ForcePlan } from './force.js';
import { lossesOf } from './force-losses.js';

const own = { epoch: 2, number: 0, ordinal: 10 };
const plan = (others: ForcePlan['others'], serves: ForcePlan['serves'] = 'yes'): ForcePlan => ({
  ...{ epoch: 11_000_000, position: own, others, serves, refusals: [] },
});
const seen = (position: ForcePlan['position'] | null, heardMs: number | null = 61_000) => ({
  ...{ name: 'n2', voter: true, position, heardMs },
});

it.each([
  ['was never heard', seen(null, null), 'n2 (voter): where its log ended is not known.'],
  ['has less', seen({ ...own, ordinal: 9 }), 'transaction 9 of epoch 2: n1 has all of that.'],
  ['had more', seen({ ...own, ordinal: 11 }), 'at least 1 transaction that n1 does not have.'],
  [
    'had much more',
    seen({ ...own, ordinal: 15 }, null),
    'last heard before this start of the node, and its log',
  ],
  ['had a newer history', seen({ epoch: 3, number: 0, ordinal: 8 }), 'a newer history than that of n1.'],
])('another member that %s', (_what, other, text) => {
  const losses = lossesOf('n1', plan([other]), new Map());
  expect(losses[0]).toContain('The log of n1 ends with transaction 10.');
  expect(losses[1]).toContain(text);
});

it('a node without others, and without a server that runs', () => {
  expect(lossesOf('n1', plan([], 'no'), new Map())).toEqual([
    expect.stringContaining('ends with transaction 10'),
    expect.stringContaining('server of n1 does not run'),
  ]);
});

it('what the last primary told of a member that was not heard', () => {
  const loss = (told: number) => lossesOf('n1', plan([seen(null, null)]), new Map([['n2', told]]))[1];
  expect(loss(10)).toContain('at least transaction 10, which n1 has too.');
  expect(loss(12)).toContain('at least transaction 12: 2 or more that n1 does not have.');
});

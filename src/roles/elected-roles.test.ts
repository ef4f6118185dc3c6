import { expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { at } from '../../test/kit/link.js';
import { type ElectedHost, ElectedRoles } from './elected-roles.js';
import type { NodeParts } from './role-node.js';

/** `epochs`: of the chain; `end`: of the spool. */
function abstains(epochs: readonly number[], end: { epoch: number; ordinal: number }, damage = false) {
  const parts = {
    config: { priority: 0 },
    maintenance: { isOn: false },
    chainFile: { chain: epochs.map((epoch) => epochEntry(epoch, at(epoch - 1, 0))) },
    spool: { damage: damage ? { reason: 'a bad record' } : null, end },
  } as unknown as NodeParts;
  const host = { scope: { fitness: { serves: 'yes' } } } as unknown as ElectedHost;
  return new ElectedRoles(parts, host).fitness().abstains;
}

it('a log takes part in elections', () => {
  expect(abstains([1, 2], { epoch: 2, ordinal: 7 })).toBeNull();
  expect(abstains([1, 2], { epoch: 1, ordinal: 7 })).toBeNull();
  expect(abstains([], { epoch: 0, ordinal: 0 })).toBeNull();
});

it('but not with a history that is older than it (rule H2), nor when it is damaged (rule C6)', () => {
  expect(abstains([1], { epoch: 2, ordinal: 7 })).toContain('chain.json');
  expect(abstains([1, 2], { epoch: 2, ordinal: 7 }, true)).toContain('a bad record');
});

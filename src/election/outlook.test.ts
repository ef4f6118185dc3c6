import { describe, expect, it } from 'vitest';
import { OneCore, standing } from '../../test/simulation/one-core.js';
import { foundingChain } from '../../test/simulation/world.js';
import { outlookOf } from './outlook.js';
import type { Fitness } from './state.js';

/** What n1, whose log ends with ordinal 10, says of itself and of n3, a witness whose log ends there. n2 was lost. */
function outlook(witnessEnd: number, serves: Fitness['serves']) {
  const chain = foundingChain(['n1', 'n2', 'n3']).map((entry) => ({
    ...entry,
    members: entry.members?.map((member) =>
      member.name === 'n3' ? { ...member, witness: true } : member,
    ) as typeof entry.members,
  }));
  const fitness: Fitness = { abstains: null, serves, maintenance: false, priority: 0 };
  const core = new OneCore({ chain, fitness });
  const position = { epoch: 0, number: 0, ordinal: witnessEnd };
  const view = {
    standing: standing('n3', { position }),
    offer: { serves: 'no' as const, maintenance: false, priority: 0, applied: 0 },
    heardAtMs: core.nowMs,
  };
  const state = { ...core.state, peers: new Map([['n3', view]]) };
  const { elected, against } = outlookOf(core.context, state, core.moment());
  return { elected, against };
}

describe('who would be elected with the vote of a witness', () => {
  const lost = 'n2 has not been heard yet.';

  it('is the node with a server, when the logs are level', () => {
    expect(outlook(10, 'yes')).toEqual({ elected: 'n1', against: [lost] });
  });

  it('is the node with a server, which gets the rest of the log and the lead from the witness', () => {
    expect(outlook(12, 'yes')).toEqual({ elected: 'n1', against: [lost] });
  });

  it('is nobody without a working server', () => {
    const { elected, against } = outlook(12, 'no');
    expect(elected).toBeNull();
    expect(against).toContain('n3 is a witness, and no node that answers has a working server.');
  });
});

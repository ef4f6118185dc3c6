import { describe, expect, it } from 'vitest';
import { oneCore } from '../../test/simulation/one-core.js';
import { transferPlanOf } from './hand-over.js';
import type { ElectionState } from './state.js';

/** n1 serves as the primary of three, its log ends with ordinal 10, and n2 has answered. */
const core = () => oneCore('leader, serving');

function planOf(to: string | null, changes: (state: ElectionState) => ElectionState = (state) => state) {
  const { context, state, nowMs } = core();
  const log = { epoch: 1, ordinal: 10_000, gtid: '0-1-10000' };
  const moment = { nowMs, log, applied: 10_000, random: 0, token: '' };
  return transferPlanOf(context, changes(state), moment, to);
}

/** n2 says this of itself. */
function offering(changes: object) {
  return (state: ElectionState): ElectionState => {
    const view = state.peers.get('n2');
    if (!view?.offer) throw new Error('n2 has not answered');
    const offer = { ...view.offer, applied: 9_999, ...changes };
    return { ...state, peers: new Map(state.peers).set('n2', { ...view, offer }) };
  };
}

describe('what stands against a transfer', () => {
  it('nothing, to the one that answers', () => {
    expect(planOf('n2', offering({}))).toEqual({ to: 'n2', against: [] });
    expect(planOf(null, offering({}))).toEqual({
      to: 'n2',
      against: ['n3 has not answered this primary yet.'],
    });
  });

  it('that it is not a member, or does not answer', () => {
    expect(planOf('n9')).toEqual({ to: null, against: ['n9 is not a member of the cluster.'] });
    expect(planOf('n3')).toEqual({ to: null, against: ['n3 has not answered this primary yet.'] });
    const late = (state: ElectionState): ElectionState =>
      state.role.kind === 'leader'
        ? { ...state, role: { ...state.role, contacts: new Map([['n2', core().nowMs - 2_000]]) } }
        : state;
    expect(planOf('n2', late)).toEqual({ to: null, against: ['n2 has not answered for 2.0 s.'] });
  });

  it('that it has no working server, or has too much to apply', () => {
    expect(planOf('n2', offering({ serves: 'no' }))?.against).toEqual(['n2 has no working server.']);
    const behind = planOf('n2', offering({ applied: 1_000 }));
    expect(behind?.to).toBeNull();
    expect(behind?.against[0]).toContain('n2 still has to apply 9000 transactions');
  });

  it('that it is in maintenance, unless the operator names it', () => {
    expect(planOf(null, offering({ maintenance: true }))?.to).toBeNull();
    expect(planOf('n2', offering({ maintenance: true }))).toEqual({ to: 'n2', against: [] });
  });

  it('is nothing to ask of a replica', () => {
    const { context, state, nowMs, log } = oneCore('follower of n2, epoch 3');
    const moment = { nowMs, log, applied: 10, random: 0, token: '' };
    expect(transferPlanOf(context, state, moment, null)).toBeNull();
  });
});

describe('a drain that cannot end', () => {
  it('leaves the lead where it is', () => {
    const drained = core().take({ kind: 'transfer', to: 'n2' }).take({ kind: 'drained', ordinal: null });
    expect(drained.state.role).toMatchObject({ kind: 'leader', epoch: 1, isServing: true, transfer: null });
    expect(drained.effects).toMatchObject([{ kind: 'undrain' }, { kind: 'said' }]);
  });
});

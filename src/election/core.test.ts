import { describe, expect, it } from 'vitest';
import { FIT, OneCore, oneCore, standing } from '../../test/simulation/one-core.js';
import { foundingChain } from '../../test/simulation/world.js';
import type { ElectionMessage, Offer, Refusal } from '../model/election-messages.js';
import type { ElectionEffect } from './state.js';

/** The rules of elections, one by one, on a single node. How nodes play together is in the transcripts. */

const at = (epoch: number, ordinal: number, number = 0) => ({ epoch, number, ordinal });
const vote = (epoch: number, ordinal: number, campaign = 'n2#9'): ElectionMessage => ({
  kind: 'vote',
  epoch,
  campaign,
  position: at(0, ordinal),
  transfer: false,
});
const kinds = (effects: readonly ElectionEffect[]) =>
  effects.filter(({ kind }) => kind !== 'said').map(({ kind }) => kind);
const responses = (core: OneCore) => core.sent('voteResponse');

describe('a vote (rule E13)', () => {
  it('is answered after links ended, the position was read, and promise and vote were kept in one record', () => {
    const core = new OneCore().hears('n2', vote(3, 10));
    expect(kinds(core.effects)).toEqual(['settleLog']);
    core.take({ kind: 'logSettled', epoch: 3 });
    expect(core.effects).toEqual([{ kind: 'keepPromise', promise: { promisedEpoch: 3, votedFor: 'n2#9' } }]);
    core.take({ kind: 'promiseKept', epoch: 3 });
    expect(responses(core)).toMatchObject([{ refusal: null, epoch: 3, campaign: 'n2#9' }]);
  });

  it('compares with the log as it stands after the writes under way have ended', () => {
    const core = new OneCore().hears('n2', vote(3, 10));
    core.log = { epoch: 0, ordinal: 12, gtid: '0-0-12' };
    core.take({ kind: 'logSettled', epoch: 3 }, { kind: 'promiseKept', epoch: 3 });
    expect(responses(core)).toMatchObject([{ refusal: 'older log' }]);
  });

  it('raises the promise also where it is refused, and gives no vote', () => {
    const core = new OneCore().hears('n2', vote(3, 9)).take({ kind: 'logSettled', epoch: 3 });
    expect(core.state.promise).toEqual({ promisedEpoch: 3, votedFor: null });
    core.take({ kind: 'promiseKept', epoch: 3 }).hears('n3', vote(3, 10, 'n3#1'));
    core.take({ kind: 'logSettled', epoch: 3 }, { kind: 'promiseKept', epoch: 3 });
    expect(responses(core)).toMatchObject([{ refusal: null, campaign: 'n3#1' }]);
  });

  it('is given once in an epoch: to one campaign, not to one node (rule E5)', () => {
    const core = new OneCore().hears('n2', vote(3, 10));
    core.take({ kind: 'logSettled', epoch: 3 }, { kind: 'promiseKept', epoch: 3 });
    expect(responses(core.hears('n2', vote(3, 10, 'n2#10')))).toMatchObject([
      { refusal: 'voted in this epoch' },
    ]);
    // The answer was lost, and the same campaign asks again.
    expect(responses(core.hears('n2', vote(3, 10)))).toMatchObject([{ refusal: null }]);
  });

  it('survives a restart: the promise of the disk is what counts (rule H1)', () => {
    const core = new OneCore({ promise: { promisedEpoch: 3, votedFor: 'n2#9' } });
    expect(responses(core.hears('n3', vote(3, 20, 'n3#1')))).toMatchObject([
      { refusal: 'voted in this epoch' },
    ]);
    expect(responses(core.hears('n3', vote(2, 20, 'n3#1')))).toMatchObject([{ refusal: 'older epoch' }]);
  });

  it('and its promise are shown to nobody before they are on the disk (rule E5)', () => {
    const core = new OneCore().hears('n2', vote(3, 10)).take({ kind: 'logSettled', epoch: 3 });
    core.hears('n3', { kind: 'preVote', epoch: 2, position: at(0, 10) });
    expect(core.sent('preVoteResponse')).toMatchObject([{ standing: { promisedEpoch: 0 } }]);
    core.take({ kind: 'promiseKept', epoch: 3 });
    expect(responses(core)).toMatchObject([{ standing: { promisedEpoch: 3 } }]);
  });

  it('and an entry that is not on the disk yet is shown to nobody either (rule E5)', () => {
    const core = oneCore('leader, serving').take({
      ...{ kind: 'changeMembers', members: foundingChain(['n1', 'n2'])[0]?.members ?? [] },
      end: { epoch: 0, ordinal: 10, gtid: '0-0-10' },
    });
    const ask = () =>
      core.hears('n3', { kind: 'preVote', epoch: 9, position: at(9, 99) }).sent('preVoteResponse');
    expect(ask()).toMatchObject([{ standing: { position: at(1, 10, 0) } }]);
    core.take({ kind: 'chainWritten', chain: core.state.chain });
    expect(ask()).toMatchObject([{ standing: { position: at(1, 10, 1) } }]);
  });

  it('ends the link to a silent primary of the same epoch, which is dialled again as soon as it is heard', () => {
    // It promised the epoch when it refused a vote, so it has voted for nobody in it.
    const core = new OneCore({ promise: { promisedEpoch: 3, votedFor: null } });
    const beat = { kind: 'heartbeat', epoch: 3, campaign: 'n2#1', isAnswered: true } as const;
    expect(kinds(core.hears('n2', { ...beat, number: 1 }).effects)).toContain('follow');
    core.pass(1000);
    expect(kinds(core.hears('n3', vote(3, 9, 'n3#1')).effects)).toEqual(['settleLog']);
    core.take({ kind: 'logSettled', epoch: 3 }, { kind: 'promiseKept', epoch: 3 });
    expect(responses(core)).toMatchObject([{ refusal: 'older log' }]);
    expect(kinds(core.hears('n2', { ...beat, number: 2 }).effects)).toContain('follow');
  });

  it('waits while another promise is on its way: the candidate asks again', () => {
    const core = new OneCore().hears('n2', vote(3, 10)).hears('n3', vote(4, 10, 'n3#1'));
    expect(core.effects).toEqual([]);
    expect(core.state.promise.promisedEpoch).toBe(3);
  });

  it('is refused for an epoch far beyond all that is known', () => {
    expect(responses(new OneCore().hears('n2', vote(10_001, 10)))).toMatchObject([
      { refusal: 'epoch too far ahead' },
    ]);
    expect(kinds(new OneCore().hears('n2', vote(10_000, 10)).effects)).toEqual(['settleLog']);
  });
});

describe('a refusal', () => {
  it('carries the promise of the refuser, of a pre-vote too, and the next question goes beyond it (rule E15)', () => {
    const core = oneCore('preCandidate');
    core.hears('n2', {
      kind: 'preVoteResponse',
      epoch: 1,
      refusal: 'older epoch',
      standing: standing('n2', { promisedEpoch: 7 }),
    });
    expect(core.state.role.kind).toBe('follower');
    core.pass(400);
    expect(core.state.role).toMatchObject({ kind: 'preCandidate', epoch: 8 });
  });

  it('because of a better log makes its owner campaign soon (rule E8)', () => {
    const core = new OneCore().hears('n2', { kind: 'preVote', epoch: 1, position: at(0, 9) });
    expect(core.state.electionAtMs - core.nowMs).toBeLessThanOrEqual(150);
  });

  it('because the primary is heard is asked about again, for the answer may change', () => {
    const core = oneCore('preCandidate').hears('n2', {
      ...{ kind: 'preVoteResponse', epoch: 1, refusal: 'hears the primary' },
      standing: standing('n2'),
    });
    core.nowMs += 200;
    core.take({ kind: 'tick' });
    expect(core.sent('preVote')).toHaveLength(2);
  });
});

describe('the detection of a dead primary', () => {
  const following = () => oneCore('follower of n2, epoch 3');

  it('takes an election time-out of silence', () => {
    const core = following();
    core.pass(1000);
    expect(core.state.role.kind).toBe('follower');
    core.pass(350);
    expect(core.state.role.kind).toBe('preCandidate');
  });

  it('takes a short pause when its links are closed and dialling is refused', () => {
    const core = following().take({ kind: 'linkClosed', peer: 'n2', isRefused: true });
    core.pass(150);
    expect(core.state.role.kind).toBe('preCandidate');
  });

  it('is not made by a link that closed alone, nor by the link of another node', () => {
    for (const [peer, isRefused] of [
      ['n2', false],
      ['n3', true],
    ] as const) {
      const core = following().take({ kind: 'linkClosed', peer, isRefused });
      core.pass(900);
      expect(core.state.role.kind).toBe('follower');
    }
  });

  it('does not count the time in which this process did not run (rule H4)', () => {
    const core = following();
    core.nowMs += 60_000;
    core.take({ kind: 'tick' });
    expect(core.state.role.kind).toBe('follower');
    core.pass(900);
    expect(core.state.role.kind).toBe('follower');
  });
});

describe('contact with a majority (rule E11)', () => {
  const answer = (core: OneCore, number: number): ElectionMessage => ({
    kind: 'heartbeatResponse',
    epoch: 1,
    number,
    standing: standing('n2', { promisedEpoch: core.state.promise.promisedEpoch }),
    offer: { serves: 'yes', maintenance: false, priority: 0, applied: 10 },
  });

  it('is dated by the sending of the heartbeat that was answered, not by the answer', () => {
    const core = oneCore('leader, serving');
    const old = core.state.role.kind === 'leader' ? (core.state.role.beats.at(-1)?.number ?? 0) : 0;
    core.pass(950).hears('n2', answer(core, old));
    core.pass(100);
    expect(core.state.role).toMatchObject({ kind: 'leader', isSuspended: true });
  });

  it('lost: nobody is served, nothing is given up; a majority that answers is enough to go on', () => {
    const core = oneCore('leader, serving');
    core.pass(1050);
    expect(core.state.role).toMatchObject({ kind: 'leader', isSuspended: true });
    const { role } = core.state;
    core.hears('n2', answer(core, role.kind === 'leader' ? (role.beats.at(-1)?.number ?? 0) : 0));
    expect(kinds(core.effects)).toEqual(['resume']);
  });

  it('is not judged by a process that has just woken from a short stall: answers may be waiting', () => {
    const core = oneCore('leader, serving');
    core.pass(200);
    core.nowMs += 900;
    core.take({ kind: 'tick' });
    expect(core.state.role).toMatchObject({ kind: 'leader', isSuspended: false });
  });

  it('with a newer promise ends the epoch (rule H1)', () => {
    const core = oneCore('leader, serving').hears('n2', {
      ...answer(oneCore('leader, serving'), 1),
      standing: standing('n2', { promisedEpoch: 2 }),
    } as ElectionMessage);
    expect(kinds(core.effects)).toEqual(['stepDown']);
  });

  it('of another disk under a voter’s name does not end it (rule E5)', () => {
    const core = oneCore('leader, serving').hears('n2', {
      ...answer(oneCore('leader, serving'), 1),
      standing: standing('n2', { promisedEpoch: 2, incarnation: 'n2.1' }),
    } as ElectionMessage);
    expect(core.state.role.kind).toBe('leader');
  });
});

describe('a candidate', () => {
  it('does not count the vote of another disk than the list names (rules C6, E5)', () => {
    const core = oneCore('preCandidate').hears('n2', {
      ...{ kind: 'preVoteResponse', epoch: 1, refusal: null },
      standing: standing('n2', { incarnation: 'n2.1' }),
    });
    expect(core.state.role.kind).toBe('preCandidate');
  });

  it('does not count the vote of a disk that was set back', () => {
    const peers = new Map([
      ['n2', { standing: standing('n2', { boot: 4, promisedEpoch: 1 }), offer: null, heardAtMs: 0 }],
    ]);
    const core = new OneCore({ peers }).pass(1300);
    core.hears('n2', {
      kind: 'preVoteResponse',
      epoch: 1,
      refusal: null,
      standing: standing('n2', { boot: 5 }),
    });
    expect(core.state.role.kind).toBe('preCandidate');
  });

  it('drops entries that its log has not reached from its chain when it is elected (rule E7)', () => {
    const [founding] = foundingChain(['n1', 'n2', 'n3']);
    const known = {
      epoch: 1,
      number: 0,
      beginsAfter: { epoch: 0, ordinal: 14, gtid: 'g' },
      primary: 'n2',
      members: null,
    };
    const chain = founding ? [founding, { ...known, members: founding.members }] : [];
    const core = new OneCore({ chain, promise: { promisedEpoch: 1, votedFor: null } }).pass(1300);
    expect(core.state.role).toMatchObject({ kind: 'preCandidate', epoch: 2 });
    core.hears('n2', { kind: 'preVoteResponse', epoch: 2, refusal: null, standing: standing('n2') });
    core.take({ kind: 'logSettled', epoch: 2 }, { kind: 'promiseKept', epoch: 2 });
    const { role } = core.state;
    core.hears('n2', {
      ...{ kind: 'voteResponse', epoch: 2, refusal: null, standing: standing('n2') },
      campaign: role.kind === 'candidate' ? role.campaign : '',
    });
    expect(core.state.role.kind).toBe('leader');
    expect(core.state.chain.map(({ epoch, beginsAfter }) => [epoch, beginsAfter.ordinal])).toEqual([
      [0, 0],
      [2, 10],
    ]);
  });

  it('that is the only voter elects itself without a message', () => {
    const core = new OneCore({ chain: foundingChain(['n1']) });
    expect(kinds(core.effects)).toEqual(['settleLog']);
    core.take({ kind: 'logSettled', epoch: 1 }, { kind: 'promiseKept', epoch: 1 });
    core.take({ kind: 'chainWritten', chain: core.state.chain });
    expect(kinds(core.effects)).toEqual(['feed', 'lead', 'serve']);
  });

  it('is nobody whose log has not reached the list in force, whose list lacks it, or who has none', () => {
    const later = foundingChain(['n1', 'n2', 'n3']).map((entry) => ({
      ...entry,
      beginsAfter: { epoch: 0, ordinal: 99, gtid: 'g' },
    }));
    for (const chain of [later, foundingChain(['n2', 'n3']), []])
      expect(new OneCore({ chain }).pass(3000).state.role.kind).toBe('follower');
  });
});

describe('the beginning of an epoch', () => {
  it('is nothing before it is on a majority (rule C8)', () => {
    const core = oneCore('leader, beginning not adopted');
    core.take({ kind: 'adopted', from: 'n2', incarnation: 'n2.0', epoch: 1, place: { epoch: 0, number: 0 } });
    expect(kinds(core.effects)).toEqual([]);
    core.take({ kind: 'adopted', from: 'n2', incarnation: 'n2.1', epoch: 1, place: { epoch: 1, number: 0 } });
    expect(kinds(core.effects)).toEqual([]);
    core.take({ kind: 'adopted', from: 'n2', incarnation: 'n2.0', epoch: 1, place: { epoch: 1, number: 0 } });
    expect(kinds(core.effects)).toEqual(['lead', 'serve']);
  });
});

describe('a change of the members (rule C11)', () => {
  const withoutN3 = (core: OneCore) =>
    core.take({
      ...{ kind: 'changeMembers', members: foundingChain(['n1', 'n2'])[0]?.members ?? [] },
      end: { epoch: 0, ordinal: 10, gtid: '0-0-10' },
    });
  const written = (core: OneCore) => core.take({ kind: 'chainWritten', chain: core.state.chain });
  const place = { epoch: 1, number: 1 };
  const changed = () => written(withoutN3(oneCore('leader, serving')));
  const adopted = (core: OneCore) =>
    core.take({ kind: 'adopted', from: 'n2', incarnation: 'n2.0', epoch: 1, place });

  it('is announced as settled only when that is on the disk of the primary', () => {
    const core = changed();
    expect(core.effects).toMatchObject([{ kind: 'announce', entry: place, isSettled: false }]);
    adopted(core);
    expect(kinds(core.effects)).toEqual(['writeChain']);
    expect(core.state.chain.filter(({ members }) => members !== null)).toHaveLength(1);
    written(core);
    expect(core.effects).toMatchObject([{ kind: 'announce', entry: place, isSettled: true }]);
  });

  it('waits until the one before is settled on the disk', () => {
    const core = adopted(changed());
    const refused = { kind: 'refused', reason: 'A change of the members is under way.' };
    expect(withoutN3(core).effects).toMatchObject([refused]);
    expect(withoutN3(written(core)).effects).not.toMatchObject([refused]);
  });
});

describe('a start', () => {
  it('with a history newer than the promise takes no part: the disk was set back (rule H2)', () => {
    const chain = foundingChain(['n1', 'n2', 'n3']).map((entry) => ({ ...entry, epoch: 4 }));
    const core = new OneCore({ chain });
    expect(core.state.fitness.abstains).toMatch(/^Its promise is of epoch 0, its history of epoch 4/);
    // A server that came up does not mend the disk.
    core.take({ kind: 'fitness', fitness: FIT });
    expect(core.state.fitness.abstains).toMatch(/^Its promise is of epoch 0/);
    expect(core.pass(3000).state.role.kind).toBe('follower');
  });

  it('never goes on in an epoch that this node was the primary of (rule H6)', () => {
    const core = new OneCore({ promise: { promisedEpoch: 5, votedFor: 'n1#1' } }).pass(1300);
    expect(core.state.role).toMatchObject({ kind: 'preCandidate', epoch: 6 });
  });
});

describe('who keeps the lead (rules E8, E10, E14)', () => {
  it('without a server the epoch goes on, the node drains, and hands over', () => {
    const core = oneCore('leader, serving').take({ kind: 'fitness', fitness: { ...FIT, serves: 'no' } });
    expect(kinds(core.effects)).toEqual(['drain']);
    expect(core.state.role.kind).toBe('leader');
  });

  it('a server that crashed as the primary opens only after nobody else could for a time-out', () => {
    const core = oneCore('leader, beginning not adopted');
    core.take({ kind: 'fitness', fitness: { ...FIT, serves: 'last' } });
    core.take({ kind: 'adopted', from: 'n2', incarnation: 'n2.0', epoch: 1, place: { epoch: 1, number: 0 } });
    expect(core.state.role).toMatchObject({ stage: 'lead', isServing: false });
    core.nowMs += 1600;
    // Somebody answers, or it would be suspended; but n2 has no server.
    const { role } = core.state;
    core.take({ kind: 'tick' }).hears('n2', {
      ...{ kind: 'heartbeatResponse', epoch: 1 },
      number: role.kind === 'leader' ? (role.beats.at(-1)?.number ?? 0) + 1 : 0,
      standing: standing('n2', { promisedEpoch: 1, position: at(1, 10) }),
      offer: { serves: 'no', maintenance: false, priority: 0, applied: 0 },
    });
    core.pass(50);
    expect(core.state.role).toMatchObject({ stage: 'lead', isServing: true });
  });

  it('a transfer serves nobody from the moment that the target may campaign (rule E11)', () => {
    const core = oneCore('leader, draining').take({ kind: 'drained', ordinal: 10 });
    expect(kinds(core.effects)).toEqual(['send', 'send', 'suspend', 'send']);
    expect(core.sent('timeoutNow')).toHaveLength(1);
  });

  it('a transfer without success ends, and the epoch goes on', () => {
    const core = oneCore('leader, has handed over');
    core.nowMs += 1500;
    core.take({ kind: 'tick' });
    expect(kinds(core.effects)).toContain('undrain');
    expect(core.state.role).toMatchObject({ kind: 'leader', epoch: 1, transfer: null });
  });
});

describe('a primary whose server cannot be opened as it is (rule E8)', () => {
  const opening = () =>
    oneCore('leader, serving').take({ kind: 'fitness', fitness: { ...FIT, serves: 'last' } });
  const offers = (core: OneCore, changes: Partial<Offer>) =>
    core.hears('n2', {
      ...{ kind: 'heartbeatResponse', epoch: 1 },
      number: core.state.role.kind === 'leader' ? (core.state.role.beats.at(-1)?.number ?? 0) : 0,
      standing: standing('n2', { promisedEpoch: 1, position: at(1, 10) }),
      offer: { serves: 'yes', maintenance: false, priority: 0, applied: 10, ...changes },
    });

  it('hands over to a node that can serve', () => {
    expect(kinds(opening().effects)).toEqual(['drain']);
  });

  it('goes on when nobody else can, and hands over later', () => {
    const core = offers(oneCore('leader, serving'), { serves: 'last' });
    core.take({ kind: 'fitness', fitness: { ...FIT, serves: 'last' } });
    expect(kinds(core.effects)).toEqual([]);
    expect(core.state.role).toMatchObject({ kind: 'leader', isServing: true, transfer: null });
    core.nowMs += 100;
    core.take({ kind: 'tick' });
    expect(kinds(offers(core, { serves: 'yes' }).effects)).toEqual(['drain']);
  });

  it('does not hand over to a node in maintenance: its operator can repair the server', () => {
    const core = offers(oneCore('leader, serving'), { maintenance: true });
    core.take({ kind: 'fitness', fitness: { ...FIT, serves: 'last' } });
    expect(kinds(core.effects)).toEqual([]);
  });
});

describe('a node that was removed while it followed nobody', () => {
  const asks: ElectionMessage = { kind: 'preVote', epoch: 9, position: at(0, 10) };

  it('finds the primary, which tells it', () => {
    const heartbeats = oneCore('leader, serving').hears('n9', asks).sent('heartbeat');
    expect(heartbeats).toMatchObject([{ kind: 'heartbeat', isAnswered: true }]);
    const removed = new OneCore().pass(3_000);
    expect(removed.state.role.kind).toBe('preCandidate');
    removed.hears('n2', { ...heartbeats[0], epoch: 2 } as ElectionMessage);
    removed.take({ kind: 'logSettled', epoch: 2 }, { kind: 'promiseKept', epoch: 2 });
    expect(removed.state.role).toMatchObject({ kind: 'follower', leader: { name: 'n2' } });
  });

  const answer = (refusal: Refusal, position = at(4, 20)): ElectionMessage => ({
    ...{ kind: 'preVoteResponse', epoch: 1, refusal },
    standing: standing('n2', { promisedEpoch: 0, position }),
  });

  it('hears it from any member that follows a primary, and stops asking', () => {
    const told = oneCore('follower of n2, epoch 3').hears('n9', asks);
    expect(told.sent('preVoteResponse')).toMatchObject([{ refusal: 'no member' }]);
    expect(oneCore('follower of n2, epoch 3').hears('n3', asks).sent('preVoteResponse')).toMatchObject([
      { refusal: 'hears the primary' },
    ]);
    const removed = oneCore('preCandidate').hears('n2', answer('no member'));
    expect(removed.state).toMatchObject({ role: { kind: 'follower', leader: null }, removedBy: 'n2' });
    expect(JSON.stringify(removed.effects)).toContain('n1 was removed from the cluster, n2 says');
    expect(removed.pass(29_000).state.role.kind).toBe('follower');
    expect(removed.pass(2_000).state.role.kind).toBe('preCandidate');
    expect(removed.hears('n2', answer('no member')).effects.map(({ kind }) => kind)).not.toContain('said');
  });

  it('believes it only of a member whose list is newer: another one may not know yet that it was added', () => {
    const asking = oneCore('preCandidate').hears('n2', answer('no member', at(0, 20)));
    expect(asking.state).toMatchObject({ role: { kind: 'preCandidate' }, removedBy: null });
  });

  it('still votes, and follows a primary that it hears', () => {
    const removed = () => oneCore('preCandidate').hears('n2', answer('no member'));
    const vote = { kind: 'vote', epoch: 4, campaign: 'n2#9', position: at(4, 20), transfer: false } as const;
    expect(kinds(removed().hears('n2', vote).effects)).toContain('settleLog');
    const heartbeat = { kind: 'heartbeat', epoch: 4, campaign: 'n2#9', number: 1, isAnswered: true } as const;
    const found = removed().hears('n2', heartbeat);
    found.take({ kind: 'logSettled', epoch: 4 }, { kind: 'promiseKept', epoch: 4 });
    expect(found.state).toMatchObject({ role: { leader: { name: 'n2' } }, removedBy: null });
  });

  it('is no reason to tell a member anything: that one hears heartbeats', () => {
    expect(oneCore('leader, serving').hears('n3', asks).sent('heartbeat')).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { FIT, OneCore, oneCore, standing } from '../../test/simulation/one-core.js';
import { foundingChain } from '../../test/simulation/world.js';
import type { Refusal } from '../model/election-messages.js';
import { type FailoverReport, NO_FAILOVER, noteStep, reportOf, reportText } from './fail-report.js';
import type { ElectionEvent } from './state.js';

/** What is reported of one core, whose steps are noted. */
class Reporter {
  readonly core: OneCore;
  #record = NO_FAILOVER;

  constructor(core: OneCore) {
    this.core = core;
    const { state, effects, nowMs } = core;
    this.#record = noteStep(NO_FAILOVER, {
      ...STEP,
      event: null,
      before: null,
      after: state,
      effects,
      nowMs,
    });
  }

  take(...events: ElectionEvent[]): this {
    const { core } = this;
    for (const event of events) {
      const before = core.state;
      const { state: after, effects } = core.take(event);
      this.#record = noteStep(this.#record, { ...STEP, event, before, after, effects, nowMs: core.nowMs });
    }
    return this;
  }

  pass(ms: number): this {
    for (const end = this.core.nowMs + ms; this.core.nowMs < end; ) {
      this.core.nowMs = Math.min(end, this.core.nowMs + 50);
      this.take({ kind: 'tick' });
    }
    return this;
  }

  heartbeat(number: number): this {
    return this.take(from('n2', { kind: 'heartbeat', epoch: 3, campaign: 'n2#1', number, isAnswered: true }));
  }

  /** The disk is quick. */
  wrote(): this {
    const { task, chain } = this.core.state;
    if (task === null) return this.take({ kind: 'chainWritten', chain });
    return this.take({ kind: 'logSettled', epoch: task.epoch }, { kind: 'promiseKept', epoch: task.epoch });
  }

  preVote(name: string): this {
    const { role } = this.core.state;
    const epoch = 'epoch' in role ? role.epoch : 0;
    return this.take(from(name, { kind: 'preVoteResponse', epoch, refusal: null, standing: standing(name) }));
  }

  vote(name: string, refusal: Refusal | null = null): this {
    const { role } = this.core.state;
    if (!('campaign' in role)) throw new Error(role.kind);
    const { epoch, campaign } = role;
    const shown = standing(name, { promisedEpoch: epoch });
    return this.take(from(name, { kind: 'voteResponse', epoch, campaign, refusal, standing: shown }));
  }

  adopted(name: string): this {
    const { role } = this.core.state;
    const epoch = 'epoch' in role ? role.epoch : 0;
    const place = { epoch, number: 0 };
    return this.take({ kind: 'adopted', from: name, incarnation: `${name}.0`, epoch, place });
  }

  served(): FailoverReport | null {
    const { role } = this.core.state;
    const epoch = 'epoch' in role ? role.epoch : 0;
    const { nowMs } = this.core;
    const report = reportOf(this.#record, { node: 'n1', epoch, nowMs, unixMs: UNIX_MS + nowMs });
    if (report !== null) this.#record = NO_FAILOVER;
    return report;
  }
}

const STEP = { node: 'n1' };
const UNIX_MS = 1_800_000_000_000;
const from = (
  name: string,
  message: Extract<ElectionEvent, { kind: 'message' }>['message'],
): ElectionEvent => ({
  kind: 'message',
  from: name,
  message,
});

/** A replica of n2, the primary of epoch 3, that has heard it at 10,000 and at 10,200 ms. */
function replica(third = 'n3'): Reporter {
  const chain = foundingChain(['n1', 'n2', third]).map((entry) => ({ ...entry, primary: 'n2' }));
  const reporter = new Reporter(new OneCore({ chain })).heartbeat(1).wrote().heartbeat(2);
  reporter.core.nowMs += 200;
  return reporter.heartbeat(3);
}

describe('the report of a failover', () => {
  it.each([
    ['link closed', true],
    ['silence', false],
  ])('by way of a witness is about the primary before it (%s)', (how, isRefused) => {
    const reporter = replica('w3');
    if (isRefused) reporter.take({ kind: 'linkClosed', peer: 'n2', isRefused });
    reporter.core.nowMs += isRefused ? 100 : 1200;
    const campaign = 'w3#1';
    const position = { epoch: 0, number: 0, ordinal: 20 };
    reporter.take(from('w3', { kind: 'vote', epoch: 4, campaign, position, transfer: false })).wrote();
    const isAnswered = true;
    reporter.take(from('w3', { kind: 'heartbeat', epoch: 4, campaign, number: 1, isAnswered }));
    expect(reporter.core.state.role).toMatchObject({ kind: 'follower', leader: { name: 'w3' } });
    reporter.core.nowMs += 50;
    reporter.take(from('w3', { kind: 'heartbeat', epoch: 4, campaign, number: 2, isAnswered }));
    reporter
      .take(from('w3', { kind: 'timeoutNow', epoch: 4 }))
      .wrote()
      .vote('w3')
      .wrote()
      .adopted('w3');
    expect(reporter.core.state.role).toMatchObject({ kind: 'leader', epoch: 5 });
    const report = reporter.served();
    expect(report).toMatchObject({ epoch: 5, primaryBefore: 'n2', detectedHow: how });
    expect(report?.pauseMs).toBe(isRefused ? 150 : 1250);
  });

  it('of a primary that is dead says how that was seen, who voted, and what the pause was made of', () => {
    const reporter = replica();
    reporter.core.nowMs += 100;
    reporter.take({ kind: 'linkClosed', peer: 'n2', isRefused: true }).pass(100);
    expect(reporter.core.state.role.kind).toBe('preCandidate');
    reporter.preVote('n3').wrote().vote('n3');
    reporter.core.nowMs += 30;
    reporter.wrote().adopted('n3');
    expect(reporter.core.state.role).toMatchObject({ kind: 'leader', stage: 'lead' });
    reporter.core.nowMs += 70;
    reporter.vote('n2', 'abstains');
    expect(reporter.served()).toEqual({
      epoch: 4,
      primary: 'n1',
      primaryBefore: 'n2',
      detectedHow: 'link closed',
      detectedAtMs: UNIX_MS + 10_300,
      campaigns: 1,
      votes: [
        { node: 'n1', answer: 'yes', position: { epoch: 0, number: 0, ordinal: 10 } },
        { node: 'n2', answer: 'abstains', position: { epoch: 0, number: 0, ordinal: 10 } },
        { node: 'n3', answer: 'yes', position: { epoch: 0, number: 0, ordinal: 10 } },
      ],
      position: { epoch: 0, number: 0, ordinal: 10 },
      electedAtMs: UNIX_MS + 10_400,
      leadAtMs: UNIX_MS + 10_430,
      servedAtMs: UNIX_MS + 10_500,
      pauseMs: 300,
    });
  });

  it('of a silent primary names the silence, and counts the campaigns in vain', () => {
    const reporter = replica().pass(1300);
    reporter.preVote('n3').wrote().vote('n3', 'voted in this epoch').vote('n2', 'abstains').pass(200);
    reporter.preVote('n3').wrote().vote('n3').wrote().adopted('n3');
    expect(reporter.served()).toMatchObject({
      ...{ epoch: 5, detectedHow: 'silence', campaigns: 2 },
      detectedAtMs: UNIX_MS + 11_450,
      pauseMs: reporter.core.nowMs - 10_200,
    });
  });

  it('of a hand-over counts from its end at the primary before', () => {
    const reporter = replica();
    reporter
      .take(from('n2', { kind: 'timeoutNow', epoch: 3 }))
      .wrote()
      .vote('n3');
    reporter.core.nowMs += 40;
    reporter.wrote().adopted('n3');
    expect(reporter.served()).toMatchObject({ detectedHow: 'transfer', primaryBefore: 'n2', pauseMs: 40 });
  });

  it('of a start has no pause', () => {
    const reporter = new Reporter(new OneCore({ chain: foundingChain(['n1']) })).wrote().wrote();
    expect(reporter.served()).toMatchObject({
      ...{ detectedHow: 'start', pauseMs: null, campaigns: 1 },
      votes: [{ node: 'n1', answer: 'yes' }],
    });
  });

  it('of a server that is started again in another epoch counts from the death of the server', () => {
    const reporter = new Reporter(new OneCore({ chain: foundingChain(['n1']) })).wrote().wrote();
    expect(reporter.served()).toMatchObject({ epoch: 1 });
    const { core } = reporter;
    reporter.pass(5000).take({ kind: 'fitness', fitness: { ...FIT, serves: 'no' } });
    const diedMs = core.nowMs;
    reporter.pass(1600).take({ kind: 'drained', ordinal: 10 });
    expect(core.state.role.kind).toBe('candidate');
    reporter
      .wrote()
      .wrote()
      .take({ kind: 'fitness', fitness: { ...FIT, serves: 'last' } });
    reporter.pass(1600);
    expect(core.state.role).toMatchObject({ isServing: true });
    expect(reporter.served()).toMatchObject({
      ...{ epoch: 2, detectedHow: 'own server', primaryBefore: 'n1' },
      pauseMs: core.nowMs - diedMs,
    });
  });

  it('of a primary that lost the lead and wins it again counts from the moment when it served nobody any more', () => {
    const reporter = new Reporter(oneCore('leader, serving')).pass(1400);
    const { core } = reporter;
    expect(core.state.role).toMatchObject({ isSuspended: true });
    const suspendedMs = 10_000 + 1300 + 1000;
    const shown = standing('n3', { promisedEpoch: 5 });
    const offer = { serves: 'yes', maintenance: false, priority: 0, applied: 10 } as const;
    reporter.take(from('n3', { kind: 'heartbeatResponse', epoch: 1, number: 1, standing: shown, offer }));
    expect(core.state.role.kind).toBe('follower');
    reporter.pass(1300).preVote('n3').wrote().vote('n3').wrote().adopted('n3');
    expect(reporter.served()).toMatchObject({
      ...{ epoch: 6, detectedHow: 'lost contact', primaryBefore: 'n1' },
      pauseMs: core.nowMs - suspendedMs,
    });
  });

  it('is made once', () => {
    const reporter = new Reporter(new OneCore({ chain: foundingChain(['n1']) })).wrote().wrote();
    expect(reporter.served()).not.toBeNull();
    expect(reporter.pass(1000).served()).toBeNull();
  });

  it('is none while another node leads, before the beginning is on a majority, and of another epoch', () => {
    expect(replica().served()).toBeNull();
    expect(new Reporter(oneCore('leader, beginning not adopted')).served()).toBeNull();
  });

  it('is a line for people', () => {
    const reporter = replica().take({ kind: 'linkClosed', peer: 'n2', isRefused: true }).pass(100);
    const report = reporter.preVote('n3').wrote().vote('n3').wrote().adopted('n3').served();
    expect(report && reportText(report)).toBe(
      'n1 is the primary of epoch 4, after ordinal 10. n2 closed its links and refused new ones. Votes: n1 yes (log ends at 0.0/10); n2 did not answer; n3 yes (log ends at 0.0/10). Clients waited for 100 ms.',
    );
  });
});

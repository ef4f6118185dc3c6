import { electionStep, startElection } from '../../src/election/core.js';
import { ELECTION_DEFAULTS } from '../../src/election/options.js';
import { ELECTION_RULES } from '../../src/election/rules.js';
import type {
  ElectionEffect,
  ElectionEvent,
  ElectionState,
  ElectionStep,
  Fitness,
  Moment,
} from '../../src/election/state.js';
import type { ElectionContext } from '../../src/election/turn.js';
import { listInForce } from '../../src/model/chain.js';
import type { ElectionMessage, Standing } from '../../src/model/election-messages.js';
import { messageText } from './scenario.js';
import { foundingChain } from './world.js';

/** One core, n1 of three, whose log ends with ordinal 10, and what may happen to it. */

const CONTEXT: ElectionContext = {
  options: { ...ELECTION_DEFAULTS, node: 'n1', incarnation: 'n1.0', boot: 1 },
  rules: ELECTION_RULES,
};
const CHAIN = foundingChain(['n1', 'n2', 'n3']);
const LOG = { epoch: 0, ordinal: 10, gtid: '0-0-10' };
export const FIT: Fitness = { abstains: null, serves: 'yes', maintenance: false, priority: 0 };

export class OneCore {
  state: ElectionState;
  nowMs = 10_000;
  log = LOG;
  applied = 10;
  readonly context: ElectionContext;
  effects: readonly ElectionEffect[] = [];
  #tokens = 0;

  constructor(start: Partial<Parameters<typeof startElection>[1]> = {}, context = CONTEXT) {
    this.context = context;
    const promise = { promisedEpoch: 0, votedFor: null };
    const facts = { promise, chain: CHAIN, fitness: FIT, peers: new Map(), ...start };
    const step = startElection(context, facts, this.moment());
    this.state = step.state;
    this.effects = step.effects;
  }

  moment(): Moment {
    const { nowMs, log, applied } = this;
    return { nowMs, log, applied, random: 0.5, token: `n1#${++this.#tokens}` };
  }

  step(event: ElectionEvent): ElectionStep {
    return electionStep(this.context, this.state, event, this.moment());
  }

  take(...events: ElectionEvent[]): this {
    for (const event of events) {
      const step = this.step(event);
      this.state = step.state;
      this.effects = step.effects;
    }
    return this;
  }

  hears(from: string, message: ElectionMessage): this {
    return this.take({ kind: 'message', from, message });
  }

  pass(ms: number): this {
    // In steps, as a driver does: a jump is a stall.
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs = Math.min(end, this.nowMs + 50);
      this.take({ kind: 'tick' });
    }
    return this;
  }

  sent(kind: ElectionMessage['kind']): ElectionMessage[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'send' && effect.message.kind === kind ? [effect.message] : [],
    );
  }

  after(event: string): ElectionStep {
    const make = EVENTS[event];
    if (!make) throw new Error(`there is no event ${event}`);
    return this.step(make(this.state));
  }

  text(before: ElectionState, after: ElectionState, effects: readonly ElectionEffect[]): string {
    const did = effects.flatMap((effect) => {
      if (effect.kind === 'said') return [];
      if (effect.kind === 'send') return [`${effect.to}: ${messageText(effect.message)}`];
      return [effect.kind];
    });
    const [was, is] = [stateText(before), stateText(after)];
    return [was === is ? '-' : is, ...did].join(' | ');
  }
}

function stateText({ role, promise, task }: ElectionState): string {
  const pending = task ? `, ${task.stage} ${task.epoch}` : '';
  const text =
    role.kind === 'leader'
      ? `leader ${role.epoch} ${role.stage}${role.isServing ? ' serving' : ''}${role.isSuspended ? ' suspended' : ''}${role.transfer ? ` ${role.transfer.stage}` : ''}`
      : role.kind === 'follower'
        ? `follower${role.leader ? ` of ${role.leader.name}${role.leader.heardAtMs === null ? ', link closed' : ''}` : ''}`
        : `${role.kind} ${role.epoch}`;
  return `${text}, promise ${promise.promisedEpoch}${pending}`;
}

export function standing(name: string, changes: Partial<Standing> = {}): Standing {
  const position = { epoch: 0, number: 0, ordinal: 10 };
  return { incarnation: `${name}.0`, boot: 1, promisedEpoch: 0, position, abstains: false, ...changes };
}

const AT = (ordinal: number, epoch = 0) => ({ epoch, number: 0, ordinal });
const from = (name: string, message: ElectionMessage): ElectionEvent => ({
  kind: 'message',
  from: name,
  message,
});

/** A yes of n2 in the campaign that the node has under way, if any. */
function yes(state: ElectionState): ElectionEvent {
  const { role } = state;
  const epoch = role.kind === 'candidate' || role.kind === 'preCandidate' ? role.epoch : 1;
  if (role.kind === 'candidate')
    return from('n2', {
      kind: 'voteResponse',
      epoch,
      campaign: role.campaign,
      refusal: null,
      standing: standing('n2', { promisedEpoch: epoch }),
    });
  return from('n2', { kind: 'preVoteResponse', epoch, refusal: null, standing: standing('n2') });
}

function adopted(state: ElectionState): ElectionEvent {
  const { role } = state;
  const epoch = role.kind === 'leader' ? role.epoch : 1;
  return { kind: 'adopted', from: 'n2', incarnation: 'n2.0', epoch, place: { epoch, number: 0 } };
}

function answered(state: ElectionState): ElectionEvent {
  const { role } = state;
  const epoch = role.kind === 'leader' ? role.epoch : 1;
  const number = role.kind === 'leader' ? (role.beats.at(-1)?.number ?? 0) : 1;
  return from('n2', {
    kind: 'heartbeatResponse',
    epoch,
    number,
    standing: standing('n2', { promisedEpoch: epoch, position: AT(10, epoch) }),
    offer: { serves: 'yes', maintenance: false, priority: 0, applied: 10 },
  });
}

const deposed = from('n2', {
  kind: 'heartbeatResponse',
  epoch: 1,
  number: 1,
  standing: standing('n2', { promisedEpoch: 5 }),
  offer: { serves: 'yes', maintenance: false, priority: 0, applied: 10 },
});

const vote = (epoch: number, ordinal: number, transfer = false): ElectionEvent =>
  from('n2', { kind: 'vote', epoch, campaign: 'n2#9', position: AT(ordinal, 3), transfer });

export const EVENTS: Record<string, (state: ElectionState) => ElectionEvent> = {
  tick: () => ({ kind: 'tick' }),
  'preVote 4, log as long': () => from('n2', { kind: 'preVote', epoch: 4, position: AT(10, 3) }),
  'preVote 4, shorter log': () => from('n2', { kind: 'preVote', epoch: 4, position: AT(9) }),
  'preVote 0': () => from('n2', { kind: 'preVote', epoch: 0, position: AT(10, 3) }),
  'vote 4, log as long': () => vote(4, 10),
  'vote 4 by transfer, log as long': () => vote(4, 10, true),
  'vote 4, shorter log': () =>
    from('n2', { kind: 'vote', epoch: 4, campaign: 'n2#9', position: AT(9), transfer: false }),
  'vote 0': () => vote(0, 10),
  'vote 4000000000': () => vote(4_000_000_000, 10),
  'yes of n2': yes,
  'no of n2, older epoch, promise 7': (state) => {
    const { role } = state;
    const epoch = role.kind === 'candidate' || role.kind === 'preCandidate' ? role.epoch : 1;
    const said = { refusal: 'older epoch' as const, standing: standing('n2', { promisedEpoch: 7 }) };
    return role.kind === 'candidate'
      ? from('n2', { kind: 'voteResponse', epoch, campaign: role.campaign, ...said })
      : from('n2', { kind: 'preVoteResponse', epoch, ...said });
  },
  'heartbeat of epoch 4 from n2': () =>
    from('n2', { kind: 'heartbeat', epoch: 4, campaign: 'n2#9', number: 1, isAnswered: true }),
  'heartbeat of its own epoch from n3': ({ promise }) =>
    from('n3', {
      kind: 'heartbeat',
      epoch: promise.promisedEpoch,
      campaign: 'n3#9',
      number: 1,
      isAnswered: true,
    }),
  'heartbeat of epoch 0 from n3': () =>
    from('n3', { kind: 'heartbeat', epoch: 0, campaign: 'n3#1', number: 1, isAnswered: true }),
  'heartbeat answered': answered,
  'heartbeat answered by promise 5': () => deposed,
  'heartbeat answered by a newer timeline': (state) =>
    from('n2', {
      kind: 'heartbeatResponse',
      epoch: state.role.kind === 'leader' ? state.role.epoch : 1,
      number: 1,
      standing: standing('n2', { promisedEpoch: 11_000_000, position: AT(5, 11_000_000) }),
      offer: { serves: 'yes', maintenance: false, priority: 0, applied: 5 },
    }),
  'timeoutNow from n2': ({ promise }) => from('n2', { kind: 'timeoutNow', epoch: promise.promisedEpoch }),
  'log settled': ({ task }) => ({ kind: 'logSettled', epoch: task?.epoch ?? 1 }),
  'promise kept': ({ task }) => ({ kind: 'promiseKept', epoch: task?.epoch ?? 1 }),
  'chain written': ({ chain }) => ({ kind: 'chainWritten', chain }),
  'chain followed': ({ chain }) => ({ kind: 'chainFollowed', chain }),
  'n2 has adopted': adopted,
  'link of n2 closed': () => ({ kind: 'linkClosed', peer: 'n2', isRefused: false }),
  'link of n2 closed and refused': () => ({ kind: 'linkClosed', peer: 'n2', isRefused: true }),
  'its server is down': () => ({ kind: 'fitness', fitness: { ...FIT, serves: 'no' } }),
  'it abstains': () => ({ kind: 'fitness', fitness: { ...FIT, abstains: 'Its log is damaged.' } }),
  'it is sound': () => ({ kind: 'fitness', fitness: FIT }),
  'transfer to n2': () => ({ kind: 'transfer', to: 'n2' }),
  'an operator forces it': () => ({ kind: 'force', withShorterLog: false }),
  drained: () => ({ kind: 'drained', ordinal: 10 }),
  'n3 is removed': ({ chain }) => ({
    kind: 'changeMembers',
    members: listInForce(chain).filter(({ name }) => name !== 'n3'),
    end: LOG,
  }),
};

const written = (core: OneCore) => core.take({ kind: 'chainWritten', chain: core.state.chain });
const settled = (core: OneCore) => core.take({ kind: 'logSettled', epoch: core.state.task?.epoch ?? 0 });
const kept = (core: OneCore) => core.take({ kind: 'promiseKept', epoch: core.state.task?.epoch ?? 0 });
const said = (core: OneCore, event: (state: ElectionState) => ElectionEvent) => core.take(event(core.state));

const preCandidate = () => new OneCore().pass(1300);
const campaigning = () => {
  const core = preCandidate();
  return said(core, yes);
};
const candidate = () => kept(settled(campaigning()));
const beginning = () => said(candidate(), yes);
const gathering = () => written(beginning());
const leading = () => said(said(gathering(), adopted), answered);
const following = () =>
  kept(
    settled(
      new OneCore().hears('n2', {
        kind: 'heartbeat',
        epoch: 3,
        campaign: 'n2#1',
        number: 1,
        isAnswered: true,
      }),
    ),
  ).hears('n2', {
    kind: 'heartbeat',
    epoch: 3,
    campaign: 'n2#1',
    number: 2,
    isAnswered: true,
  });

export const STATES: Record<string, () => OneCore> = {
  'follower without a primary': () => new OneCore(),
  'follower of n2, epoch 3': following,
  'follower of n2, link closed': () => following().take({ kind: 'linkClosed', peer: 'n2', isRefused: false }),
  'follower, time-out over': () => {
    const core = new OneCore();
    core.pass(1200);
    core.nowMs += 100;
    return core;
  },
  'follower that abstains': () => new OneCore({ fitness: { ...FIT, abstains: 'Its log is damaged.' } }),
  'follower without a list': () => new OneCore({ chain: [] }),
  preCandidate: preCandidate,
  'candidate, log not settled': campaigning,
  'candidate, promise not kept': () => settled(campaigning()),
  candidate,
  'voting, log not settled': () =>
    new OneCore().hears('n3', {
      kind: 'vote',
      epoch: 2,
      campaign: 'n3#1',
      position: AT(10),
      transfer: false,
    }),
  'voting, promise not kept': () =>
    settled(
      new OneCore().hears('n3', {
        kind: 'vote',
        epoch: 2,
        campaign: 'n3#1',
        position: AT(10),
        transfer: false,
      }),
    ),
  'leader, entry not written': beginning,
  'leader, beginning not adopted': gathering,
  'leader, serving': leading,
  'leader, suspended': () => leading().pass(1400),
  'leader, draining': () => leading().take({ kind: 'transfer', to: 'n2' }),
  'leader, has handed over': () =>
    leading().take({ kind: 'transfer', to: 'n2' }, { kind: 'drained', ordinal: 10 }),
};

export function oneCore(state: string): OneCore {
  const make = STATES[state];
  if (!make) throw new Error(`there is no state ${state}`);
  return make();
}

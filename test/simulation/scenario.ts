import { electionStep, startElection } from '../../src/election/core.js';
import { positionOf, positionText } from '../../src/election/log-position.js';
import { ELECTION_DEFAULTS } from '../../src/election/options.js';
import { outlookOf } from '../../src/election/outlook.js';
import { NO_PROMISE, type VotePromise } from '../../src/election/promise.js';
import { ELECTION_RULES } from '../../src/election/rules.js';
import type {
  ElectionEffect,
  ElectionEvent,
  ElectionState,
  Fitness,
  Moment,
} from '../../src/election/state.js';
import type { ElectionContext } from '../../src/election/turn.js';
import { type Chain, currentEpoch, listInForce } from '../../src/model/chain.js';
import type { ElectionMessage } from '../../src/model/election-messages.js';
import { changeMembers, type MemberChange } from '../../src/model/members.js';
import { ORIGIN, type Position } from '../../src/model/position.js';
import { foundingChain, placeOf } from './world.js';

/**
 * Cores without faults of their own: a disk that takes no time, a network that takes none, and a clock that stands. A
 * transcript says what happens, one command a line, and the answer is what each node did (test/scenarios/election).
 */

interface Sent {
  readonly from: string;
  readonly to: string;
  readonly message: ElectionMessage;
}

const RANDOM = [0.1, 0.5, 0.9];
const FIT: Fitness = { abstains: null, serves: 'yes', maintenance: false, priority: 0 };

class ScenarioNode {
  context: ElectionContext;
  state!: ElectionState;
  promise: VotePromise = NO_PROMISE;
  chain: Chain;
  log: Position = ORIGIN;
  applied = 0;
  random: number;
  fitness = FIT;
  isUp = true;
  isStopped = false;
  /** Its server executes nothing. */
  isStuck = false;
  /** Primary that it is attached to. */
  follows: string | null = null;
  boot = 0;
  tokens = 0;
  readonly name: string;

  constructor(name: string, chain: Chain, random: number) {
    this.name = name;
    this.chain = chain;
    this.random = random;
    if (name.startsWith('w')) this.fitness = { ...FIT, serves: 'no' };
    this.context = contextOf(name, 0);
  }

  /** Its disk is another one, and empty. */
  replaceDisk(): void {
    this.context = contextOf(this.name, 1);
    this.promise = NO_PROMISE;
    this.chain = [];
    this.log = ORIGIN;
    this.applied = 0;
  }
}

function contextOf(node: string, disk: number): ElectionContext {
  const options = { ...ELECTION_DEFAULTS, node, incarnation: `${node}.${disk}`, boot: 1 };
  return { options, rules: ELECTION_RULES };
}

/** Heartbeats say little, and there are many: they are not printed. */
const SILENT = new Set(['heartbeat', 'heartbeatResponse']);

export class Scenario {
  readonly #nodes = new Map<string, ScenarioNode>();
  readonly #cuts = new Set<string>();
  #sent: Sent[] = [];
  #later: (() => void)[] = [];
  #lines: string[] = [];
  #nowMs = 0;

  /** Does one command, and says what happened. @throws Error of an unknown one */
  run(command: string): string[] {
    this.#lines = [];
    const [verb = '', ...words] = command.split(/\s+/);
    const act = this.#commands[verb];
    if (!act) throw new Error(`unknown command: ${command}`);
    act(words);
    return this.#lines;
  }

  readonly #commands: Record<string, (words: string[]) => void> = {
    /** cluster n1 n2 w3: born with these voters, of which w3 is a witness. `?n4` is a node without a list. */
    cluster: (words) => {
      this.#nodes.clear();
      this.#cuts.clear();
      const chain = foundingChain(words.filter((word) => !word.startsWith('?')));
      for (const [index, word] of words.entries()) {
        const name = word.replace('?', '');
        const node = new ScenarioNode(name, word === name ? chain : [], RANDOM[index % 3] ?? 0.5);
        this.#nodes.set(name, node);
      }
      for (const node of this.#nodes.values()) this.#start(node);
    },
    /** primary n1 n2 n3: the same, and n1 has been elected, as in first-election.txt. */
    primary: (words) => {
      this.run(`cluster ${words.join(' ')}`);
      this.run('pass 1100');
      this.#lines = [];
    },
    /** log n1 12: its log ends there, all of epoch 0. Only before anything happens. */
    log: ([name, ordinal]) => {
      const node = this.#node(name);
      node.log = { epoch: 0, ordinal: Number(ordinal), gtid: `0-0-${ordinal}` };
      node.applied = Number(ordinal);
    },
    /** pass 1500: time passes; messages take none. */
    pass: ([ms]) => {
      const endMs = this.#nowMs + Number(ms);
      while (this.#nowMs < endMs) {
        this.#nowMs = Math.min(endMs, this.#nowMs + 10);
        for (const node of this.#nodes.values()) this.#event(node, { kind: 'tick' });
        this.#settle();
      }
    },
    /** skip 6000: the same, and what happens is not printed. */
    skip: ([ms]) => {
      this.run(`pass ${ms}`);
      this.#lines = [];
    },
    /** jump 5000: time passes in which no process runs. */
    jump: ([ms]) => {
      this.#nowMs += Number(ms);
    },
    tick: ([name]) => {
      this.#event(this.#node(name), { kind: 'tick' });
      this.#settle();
    },
    kill: ([name]) => {
      const node = this.#node(name);
      node.isUp = false;
      for (const other of this.#nodes.values())
        if (other !== node) this.#event(other, { kind: 'linkClosed', peer: node.name, isRefused: true });
      this.#settle();
    },
    start: ([name]) => {
      this.#start(this.#node(name));
      this.#settle();
    },
    /** replace n1: it is down, and its disk is lost. */
    replace: ([name]) => this.#node(name).replaceDisk(),
    /** stick n2: its server executes nothing of what comes. */
    stick: ([name]) => {
      this.#node(name).isStuck = true;
    },
    stop: ([name]) => {
      this.#node(name).isStopped = true;
    },
    continue: ([name]) => {
      this.#node(name).isStopped = false;
    },
    /** cut n1 n2: both ways; cut n1>n2: one way; cut n1: from all. */
    cut: (words) => this.#cut(words),
    heal: () => this.#cuts.clear(),
    random: ([name, value]) => {
      this.#node(name).random = Number(value);
    },
    /** write n1 3: the primary logs three more groups. */
    write: ([name, count]) => {
      const node = this.#node(name);
      const epoch = currentEpoch(node.chain);
      for (let i = 0; i < Number(count); i++) {
        const ordinal = node.log.ordinal + 1;
        node.log = { epoch, ordinal, gtid: `0-${epoch}-${ordinal}` };
      }
      node.applied = node.log.ordinal;
    },
    fitness: ([name, ...words]) => {
      const node = this.#node(name);
      const serves = words.find((word) => word === 'no' || word === 'last') as 'no' | 'last' | undefined;
      const abstains = words.includes('abstains') ? 'Its log is damaged.' : null;
      const priority = Number(words.find((word) => /^\d+$/.test(word)) ?? 0);
      const maintenance = words.includes('maintenance');
      node.fitness = { serves: serves ?? 'yes', abstains, priority, maintenance };
      this.#event(node, { kind: 'fitness', fitness: node.fitness });
      this.#settle();
    },
    transfer: ([name, to]) => {
      this.#event(this.#node(name), { kind: 'transfer', to: to ?? null });
      this.#settle();
    },
    /** force n1 [shorter]: an operator makes n1 the primary; also when a member that answers has a longer log. */
    force: ([name, shorter]) => {
      const withShorterLog = shorter === 'shorter';
      this.#event(this.#node(name), { kind: 'force', withShorterLog });
      this.#settle();
    },
    drained: ([name]) => {
      const node = this.#node(name);
      this.#event(node, { kind: 'drained', ordinal: node.log.ordinal });
      this.#settle();
    },
    add: ([name, member]) => this.#change(name, { kind: 'add', member: placeOf(member ?? '') }),
    promote: ([name, member]) =>
      this.#change(name, {
        kind: 'promote',
        name: member ?? '',
        incarnation: this.#node(member).context.options.incarnation,
      }),
    remove: ([name, member]) => this.#change(name, { kind: 'remove', name: member ?? '' }),
    state: () => {
      for (const node of this.#nodes.values()) this.#lines.push(stateText(node));
    },
    outlook: ([name]) => {
      const node = this.#node(name);
      const { elected, against } = outlookOf(node.context, node.state, this.#moment(node));
      this.#lines.push(`elected: ${elected ?? 'nobody'}`, ...against);
    },
  };

  #node(name: string | undefined): ScenarioNode {
    const node = this.#nodes.get(name ?? '');
    if (!node) throw new Error(`there is no node ${name}`);
    return node;
  }

  #cut(words: readonly string[]): void {
    const [first = '', second] = words;
    if (first.includes('>')) this.#cuts.add(first);
    const others = second === undefined ? [...this.#nodes.keys()].filter((name) => name !== first) : [second];
    if (!first.includes('>'))
      for (const other of others) this.#cuts.add(`${first}>${other}`).add(`${other}>${first}`);
  }

  #change(name: string | undefined, change: MemberChange): void {
    const node = this.#node(name);
    const members = changeMembers(listInForce(node.state.chain), '', change);
    this.#event(node, { kind: 'changeMembers', members, end: node.log });
    this.#settle();
  }

  #moment(node: ScenarioNode): Moment {
    const { log, applied, random } = node;
    return { nowMs: this.#nowMs, log, applied, random, token: `${node.name}#${++node.tokens}` };
  }

  #start(node: ScenarioNode): void {
    node.isUp = true;
    node.isStopped = false;
    node.follows = null;
    const { promise, chain, fitness } = node;
    this.#took(
      node,
      startElection(node.context, { promise, chain, fitness, peers: new Map() }, this.#moment(node)),
    );
  }

  #event(node: ScenarioNode, event: ElectionEvent): void {
    if (!node.isUp || node.isStopped) return;
    this.#took(node, electionStep(node.context, node.state, event, this.#moment(node)));
  }

  #took(
    node: ScenarioNode,
    { state, effects }: { state: ElectionState; effects: readonly ElectionEffect[] },
  ): void {
    const before = node.state?.role;
    node.state = state;
    const [was, is] = [before ? roleText(node.name, before) : '', roleText(node.name, state.role)];
    if (was !== is && before) this.#lines.push(`${node.name}: ${was} => ${is}`);
    for (const effect of effects) this.#do(node, effect);
  }

  #do(node: ScenarioNode, effect: ElectionEffect): void {
    const line = effectText(effect);
    if (line !== null) this.#lines.push(`${node.name}${line}`);
    switch (effect.kind) {
      case 'send':
        this.#sent.push({ from: node.name, to: effect.to, message: effect.message });
        return;
      case 'settleLog':
        node.follows = null;
        this.#later.push(() => this.#event(node, { kind: 'logSettled', epoch: effect.epoch }));
        return;
      case 'keepPromise':
        this.#later.push(() => {
          node.promise = effect.promise;
          this.#event(node, { kind: 'promiseKept', epoch: effect.promise.promisedEpoch });
        });
        return;
      case 'writeChain':
        this.#later.push(() => {
          node.chain = effect.chain;
          this.#event(node, { kind: 'chainWritten', chain: effect.chain });
        });
        return;
      case 'follow':
        node.follows = effect.leader;
        return;
      default:
        return;
    }
  }

  /** Until nothing is left to do. */
  #settle(): void {
    for (;;) {
      const later = this.#later.splice(0);
      const sent = this.#sent.splice(0);
      for (const action of later) action();
      for (const { from, to, message } of sent) {
        const target = this.#nodes.get(to);
        if (target && this.#reaches(from, to)) this.#event(target, { kind: 'message', from, message });
      }
      const hasFed = later.length + sent.length === 0 && this.#feed();
      if (later.length + sent.length === 0 && !hasFed) return;
    }
  }

  #reaches(from: string, to: string): boolean {
    return !this.#cuts.has(`${from}>${to}`);
  }

  /** Replicas that follow get what their primary has: cut, chain, records, and their word that they have it. */
  #feed(): boolean {
    let hasFed = false;
    for (const node of this.#nodes.values()) {
      const primary = this.#nodes.get(node.follows ?? '');
      if (!primary || !node.isUp || node.isStopped || !primary.isUp || primary.isStopped) continue;
      const { role } = primary.state;
      if (role.kind !== 'leader' || role.stage === 'begin') continue;
      if (!this.#reaches(node.name, primary.name) || !this.#reaches(primary.name, node.name)) continue;
      if (node.log === primary.log && node.chain === primary.chain) continue;
      hasFed = true;
      node.log = primary.log;
      if (!node.isStuck) node.applied = primary.log.ordinal;
      node.chain = primary.chain;
      this.#event(node, { kind: 'chainFollowed', chain: primary.chain });
      const place = positionOf(node.chain, node.log.ordinal);
      const incarnation = node.context.options.incarnation;
      this.#event(primary, { kind: 'adopted', from: node.name, incarnation, epoch: role.epoch, place });
    }
    return hasFed;
  }
}

function roleText(node: string, role: ElectionState['role']): string {
  switch (role.kind) {
    case 'follower':
      return role.leader ? `follower of ${role.leader.name}` : 'follower';
    case 'leader': {
      const flags = [role.isServing && 'serving', role.isSuspended && 'suspended'].filter(Boolean);
      const transfer = role.transfer
        ? `, ${role.transfer.stage} for ${role.transfer.to === node ? 'itself' : role.transfer.to}`
        : '';
      return [`leader ${role.epoch}`, role.stage, ...flags].join(' ') + transfer;
    }
    default:
      return `${role.kind} ${role.epoch}`;
  }
}

function effectText(effect: ElectionEffect): string | null {
  switch (effect.kind) {
    case 'send':
      return SILENT.has(effect.message.kind) ? null : ` -> ${effect.to}: ${messageText(effect.message)}`;
    case 'keepPromise':
      return `: keeps its promise of epoch ${effect.promise.promisedEpoch}, vote ${effect.promise.votedFor ?? 'none'}`;
    case 'settleLog':
      return null;
    case 'writeChain':
      return `: writes the chain, ${effect.chain.length} entries`;
    case 'announce':
      return `: announces entry ${effect.entry.epoch}.${effect.entry.number}${effect.isSettled ? ', settled' : ''}`;
    case 'said':
      return `: "${effect.text}"`;
    case 'refused':
      return `: refused: ${effect.code}, ${effect.reason}`;
    case 'stepDown':
    case 'suspend':
    case 'undrain':
      return `: ${effect.kind} (${effect.reason})`;
    case 'drain':
      return `: drain for ${effect.to}`;
    case 'follow':
      return `: follow ${effect.leader} in epoch ${effect.epoch}`;
    default:
      return `: ${effect.kind}`;
  }
}

export function messageText(message: ElectionMessage): string {
  switch (message.kind) {
    case 'preVote':
      return `preVote ${message.epoch}, log ${positionText(message.position)}`;
    case 'vote':
      return `vote ${message.epoch} for ${message.campaign}, log ${positionText(message.position)}${message.transfer ? ', transfer' : ''}`;
    case 'preVoteResponse':
    case 'voteResponse':
      return `${message.kind} ${message.epoch}: ${message.refusal ?? 'yes'} (promise ${message.standing.promisedEpoch})`;
    case 'heartbeatResponse':
      return `heartbeatResponse ${message.epoch} (promise ${message.standing.promisedEpoch})`;
    default:
      return `${message.kind} ${message.epoch}`;
  }
}

function stateText(node: ScenarioNode): string {
  const { name, state, promise, log, isUp } = node;
  if (!isUp)
    return `${name}: down, promise ${promise.promisedEpoch}, log ${positionText(positionOf(node.chain, log.ordinal))}`;
  return `${name}: ${roleText(name, state.role)}, promise ${promise.promisedEpoch}, log ${positionText(positionOf(state.chain, log.ordinal))}`;
}

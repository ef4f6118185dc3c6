import { listsOf } from '../../src/election/log-position.js';
import type { ElectionOptions } from '../../src/election/options.js';
import { ELECTION_RULES, type ElectionRules } from '../../src/election/rules.js';
import type { Chain } from '../../src/model/chain.js';
import type { ElectionMessage } from '../../src/model/election-messages.js';
import { type MemberList, type MemberPlace, majorityOf } from '../../src/model/members.js';
import { ORIGIN } from '../../src/model/position.js';
import type { Defect } from './defects.js';
import type { Group, NodeLog } from './groups.js';
import { Judge } from './judge.js';
import type { SimulatedNode } from './node.js';

type Label = string | (() => string);

interface Task {
  readonly node: SimulatedNode | null;
  readonly life: number;
  readonly label: Label;
  readonly action: () => void;
}

export interface WorldOptions {
  readonly seed: number;
  readonly defect?: Defect | null;
  /** Lines of what happens are kept. */
  readonly isTraced?: boolean;
  /** The log of a node; default: the model in memory. */
  readonly makeLog?: (node: SimulatedNode) => NodeLog;
}

/** Short, so that a schedule of a few hundred steps sees many elections. Only the proportions matter. */
const OPTIONS: Omit<ElectionOptions, 'node' | 'incarnation' | 'boot'> = {
  heartbeatIntervalMs: 80,
  electionTimeoutMinMs: 250,
  electionTimeoutMaxMs: 375,
  pauseMinMs: 5,
  pauseMaxMs: 40,
  epochJumpMax: 1000,
  handOverLag: 1000,
};

/** A seeded generator (mulberry32): the same seed, the same numbers. */
function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Everything outside of the nodes: time, network, the order in which things happen. All of it from one seed. */
export class World {
  readonly random: () => number;
  readonly options = OPTIONS;
  readonly rules: ElectionRules;
  readonly defect: Defect | null;
  readonly judge = new Judge();
  readonly nodes: SimulatedNode[] = [];
  readonly makeLog: WorldOptions['makeLog'];
  readonly trace: string[] | null;
  readonly #tasks: Task[] = [];
  /** `a>b`: nothing of a reaches b. */
  readonly cuts = new Set<string>();
  /** Logs on disks that are gone, by the incarnation. */
  readonly lostLogs = new Map<string, NodeLog>();
  nowMs = 0;
  /** Events of cores. */
  events = 0;
  lossChance = 0.03;
  #values = 0;
  #tokens = 0;
  #incarnations = 0;

  constructor(options: WorldOptions) {
    this.random = generator(options.seed);
    this.defect = options.defect ?? null;
    this.rules = { ...ELECTION_RULES, ...this.defect?.rules };
    this.trace = options.isTraced ? [] : null;
    this.makeLog = options.makeLog;
  }

  int(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  nextValue(): number {
    return ++this.#values;
  }

  nextToken(process: string): string {
    return `${process}#${++this.#tokens}`;
  }

  nextIncarnation(): number {
    return ++this.#incarnations;
  }

  note(text: string): void {
    this.trace?.push(`${String(this.nowMs).padStart(6)} ${text}`);
  }

  // --- what will happen at some time ---------------------------------------------------------------------------------

  later(node: SimulatedNode | null, label: Label, action: () => void): void {
    this.#tasks.push({ node, life: node?.life ?? 0, label, action });
  }

  get tasks(): number {
    return this.#tasks.length;
  }

  /** One of the things that wait, any of them: this is what delays and reorders. */
  runAny(): void {
    const tasks = this.#tasks;
    if (tasks.length === 0) return;
    // Older ones a little more often, or the newest would starve them.
    const at = Math.floor(this.random() ** 2 * tasks.length);
    const task = tasks[at] as Task;
    if (task.node?.isPaused) return;
    const last = tasks.pop() as Task;
    if (last !== task) tasks[at] = last;
    this.#run(task);
  }

  /** All that waits now, in order. */
  runAll(): void {
    const now = this.#tasks.splice(0);
    for (const task of now) this.#run(task);
  }

  #run({ node, life, label, action }: Task): void {
    if (node && (!node.isUp || node.life !== life)) return;
    if (this.trace) this.note(typeof label === 'string' ? label : label());
    action();
  }

  // --- network -------------------------------------------------------------------------------------------------------

  isCut(from: SimulatedNode, to: SimulatedNode): boolean {
    return this.cuts.size > 0 && this.cuts.has(`${from.process}>${to.process}`);
  }

  /** One name may stand for two processes, when a machine was copied. */
  processNamed(name: string): SimulatedNode | undefined {
    const named = this.nodes.filter((node) => node.name === name && node.isUp);
    return named.length > 1 ? this.pick(named) : named[0];
  }

  send(from: SimulatedNode, to: string, message: ElectionMessage): void {
    if (this.random() < this.lossChance) return;
    this.#post(from, to, message);
    if (this.random() < this.lossChance) this.#post(from, to, message);
  }

  #post(from: SimulatedNode, to: string, message: ElectionMessage): void {
    const life = from.life;
    this.later(
      null,
      () => `${from.process} -> ${to} ${JSON.stringify(message)}`,
      () => {
        const target = this.processNamed(to);
        if (!target || target === from) return;
        if (this.isCut(from, target)) {
          // What is on its way may still arrive when the way is free again.
          if (this.random() < 0.4) this.#post(from, to, message);
          return;
        }
        if (target.isPaused) return this.#post(from, to, message);
        // What a process sent before it ended may still arrive; its answers are of that process.
        if (from.life === life || this.random() < 0.5)
          target.handle({ kind: 'message', from: from.name, message });
        target.primary.answerReads();
      },
    );
  }

  /** The others notice that its links are closed, and that nobody listens there. */
  processEnded(node: SimulatedNode): void {
    for (const other of this.nodes)
      if (other !== node && other.isUp && other.link?.primary === node)
        this.later(
          other,
          () => `${other.process}: link to ${node.process} is closed`,
          () => {
            other.closeLink();
            other.handle({ kind: 'linkClosed', peer: node.name, isRefused: !node.isUp });
          },
        );
  }

  // --- what only the judge may know ------------------------------------------------------------------------------------

  /** Whether a majority of each list has this group, by its hidden value, on the disks that the lists name. */
  isOnMajority(chain: Chain, group: Group): boolean {
    return listsOf(chain).every((list) => {
      const voters = list.filter(({ voter }) => voter);
      const has = (log: NodeLog | undefined) =>
        log !== undefined &&
        log.durable >= group.ordinal &&
        log.groups[group.ordinal - 1]?.value === group.value;
      // An acknowledgement may be on its way when the disk that gave it is lost.
      const holders = voters.filter(
        ({ name, incarnation }) =>
          has(this.lostLogs.get(incarnation)) ||
          this.nodes.some((node) => node.name === name && node.incarnation === incarnation && has(node.log)),
      );
      return holders.length >= majorityOf(voters.length);
    });
  }
}

/** `w3` and the like are witnesses. */
export function placeOf(name: string): MemberPlace {
  const witness = name.startsWith('w');
  const port = 1000 + Number(name.replace(/\D/g, ''));
  const place = { name, link: { host: name, port }, http: `http://${name}`, mysqlRw: null, mysqlRo: null };
  return witness ? { ...place, witness } : place;
}

/** A cluster that was born with these voters: all have the first entry of the chain. */
export function foundingChain(names: readonly string[]): Chain {
  const members: MemberList = names.map((name) => ({
    ...placeOf(name),
    incarnation: `${name}.0`,
    voter: true,
  }));
  return [{ epoch: 0, number: 0, beginsAfter: ORIGIN, primary: names[0] ?? '', members }];
}

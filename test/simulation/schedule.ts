import { listsOf } from '../../src/election/log-position.js';
import { listInForce } from '../../src/model/chain.js';
import { isSkeinError } from '../../src/model/error.js';
import type { MemberList } from '../../src/model/members.js';
import { Violation } from './judge.js';
import { type Mood, moodOf } from './mood.js';
import { SimulatedNode } from './node.js';
import { SpoolLog } from './spool-log.js';
import { foundingChain, placeOf, World, type WorldOptions } from './world.js';

/**
 * One life of a cluster from one seed: a few hundred steps in which anything may happen, then a time without faults in which
 * a primary must open and every log must become the same.
 */
export interface RunOptions extends WorldOptions {
  /** Instead of what the seed says. */
  readonly mood?: Partial<Mood> | undefined;
  readonly steps?: number;
}

export interface Run {
  readonly world: World;
  readonly violation: Violation | null;
}

/** Most schedules are short, because most mistakes show soon. Some need several primaries one after the other. */
const STEPS = 200;
const LONG_STEPS = 900;
const LONG_SHARE = 0.25;

/** Rounds of 25 ms in which a healed cluster must have a primary and one log: some ten election time-outs. */
const ROUNDS_MAX = 200;
class Schedule {
  readonly world: World;
  readonly #steps: number;
  /** Each fourth seed ends with a time without faults. */
  readonly endsHealed: boolean;
  readonly #hasClones: boolean;
  readonly #mood: Mood;

  constructor(options: RunOptions) {
    this.world = new World(options);
    this.#steps = options.steps ?? (this.world.random() < LONG_SHARE ? LONG_STEPS : STEPS);
    this.endsHealed = options.seed % 4 === 0;
    const { world } = this;
    this.#mood = { ...moodOf(world), ...(options.mood ?? options.defect?.mood) };
    const sizes = [3, 3, 3, 3, 3, 5, 5, 5, 4, 2, 1];
    const count = world.pick(sizes) ?? 3;
    const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
    this.#hasClones = count === 3 && !this.endsHealed && world.random() < 0.1;
    const withWitness = count > 1 && world.random() < 0.15;
    // The list names it as a witness; or it has a server that never comes up, which nobody can know.
    if (withWitness && options.seed % 2 === 0) names[count - 1] = `w${count}`;
    const chain = foundingChain(names);
    for (const name of names)
      world.nodes.push(
        new SimulatedNode(world, name, { chain, isWitness: withWitness && name === names.at(-1) }),
      );
  }

  #begin(): void {
    const { world } = this;
    // A copied machine votes twice, and nobody can know it for sure. What the rules can do is that no other node gives
    // both of them its vote: with one node away, each election needs another one's.
    for (const node of world.nodes) node.start();
    if (this.#hasClones) world.nodes.at(-1)?.loseForGood();
    // Nothing happens in the first time-out.
    for (let round = 0; round < 7; round++) {
      world.nowMs += 50;
      for (const node of world.nodes) node.tick();
    }
  }

  run(): void {
    this.#begin();
    for (let step = 0; step < this.#steps; step++) this.step();
    if (!this.endsHealed) return;
    this.heal();
    for (let round = 0; round < ROUNDS_MAX; round++) {
      this.round();
      if (this.isWell()) return;
    }
    this.failLiveness();
  }

  /** The same with logs that take turns of the event loop: `settle` lets them pass. */
  async runSlowly(settle: () => Promise<void>): Promise<void> {
    await settle();
    this.#begin();
    await settle();
    for (let step = 0; step < this.#steps; step++) {
      this.step();
      await settle();
    }
    if (!this.endsHealed) return;
    this.heal();
    for (let round = 0; round < ROUNDS_MAX; round++) {
      await settle();
      this.round();
      if (this.isWell()) return;
    }
    this.failLiveness();
  }

  step(): void {
    const { world } = this;
    const { tick, write, read, restart, fault, mend } = this.#mood;
    let dice = world.random();
    const is = (chance: number) => {
      dice -= chance;
      return dice < 0;
    };
    if (is(tick)) this.#tick();
    else if (is(write)) this.#write();
    else if (is(read)) this.#openOne()?.primary.read();
    else if (is(restart)) world.pick(world.nodes)?.server.restart();
    else if (is(fault)) this.#fault();
    else if (is(mend)) this.#mend();
    else if (world.tasks > 0) world.runAny();
    else this.#tick();
  }

  /** A node whose server takes writes, dead or alive. */
  #openOne(): SimulatedNode | undefined {
    return this.world.pick(this.world.nodes.filter(({ server }) => server.isOpen));
  }

  #write(): void {
    const server = this.#openOne()?.server;
    for (let count = this.world.int(1, 3); count > 0; count--) server?.write();
  }

  #tick(): void {
    const { world } = this;
    world.nowMs += world.int(0, this.#mood.passMaxMs);
    const node = world.pick(world.nodes);
    if (!node) return;
    node.tick();
    if (node.isUp && !node.isPaused && world.random() < 0.2) node.primary.changeMembers(null);
  }

  /** It hurts most at the primary, and at a node that becomes one or begins to follow one. */
  #target(): SimulatedNode | undefined {
    const { world } = this;
    const dice = world.random();
    if (dice < 0.25) {
      const found = world.nodes.find(({ isUp, isWelcomed, state }) => {
        const isNew = state.role.kind === 'leader' && state.role.stage !== 'lead';
        return isUp && (isNew || isWelcomed);
      });
      if (found) return found;
    }
    return (dice < 0.5 ? this.#openOne() : undefined) ?? world.pick(world.nodes);
  }

  // --- faults ------------------------------------------------------------------------------------------------------------

  #fault(): void {
    const { world } = this;
    const node = this.#target();
    const kind = world.pick(this.#mood.faults);
    if (!node || kind === undefined) return;
    if (world.trace) world.note(`--- ${kind}: ${node.process}`);
    if (!node.isUp) {
      if (kind === 'lose the disk') this.#loseDisk(node);
      return;
    }
    switch (kind) {
      case 'kill':
        node.crash('kill');
        return;
      case 'power':
        node.crash('power');
        return;
      case 'pause':
        node.isPaused = !node.isPaused;
        return;
      case 'cut':
        if (world.random() < 0.3) world.cuts.clear();
        else this.#cut(node);
        return;
      case 'isolate':
        this.#isolate(node);
        return;
      case 'strand':
        // What it logs from now on, nobody else has.
        this.#isolate(node);
        for (let count = world.int(1, 4); count > 0; count--) node.server.write();
        return;
      case 'server':
        node.server.die();
        return;
      case 'transfer':
        node.handle({ kind: 'transfer', to: world.pick(world.nodes)?.name ?? null });
        return;
      case 'refuse links':
        this.#refuseLinks(node);
        return;
      case 'lose the disk':
        this.#loseDisk(node);
        return;
      case 'members':
        this.#change(node);
        return;
      case 'clone':
        if (this.#hasClones) this.#clone(node);
    }
  }

  /** Somebody looks after it. */
  #mend(): void {
    const { world } = this;
    const node = world.pick(world.nodes);
    if (!node) return;
    if (!node.isUp) node.start();
    else if (node.isPaused) node.isPaused = false;
    else if (world.random() < 0.5) world.cuts.clear();
    else for (const each of world.nodes) each.server.restart();
  }

  #cut(node: SimulatedNode): void {
    const { world } = this;
    const other = world.pick(world.nodes);
    if (!other || other === node) return;
    world.cuts.add(`${node.process}>${other.process}`);
    if (world.random() < 0.6) world.cuts.add(`${other.process}>${node.process}`);
  }

  #isolate(node: SimulatedNode): void {
    for (const other of this.world.nodes) if (other !== node) this.#cutBetween(node, other);
  }

  #cutBetween(a: SimulatedNode, b: SimulatedNode): void {
    this.world.cuts.add(`${a.process}>${b.process}`).add(`${b.process}>${a.process}`);
  }

  /** A listener that rejects, a firewall: links end, dialling is refused, and the process lives on (rule E11). */
  #refuseLinks(node: SimulatedNode): void {
    for (const other of this.world.nodes) {
      if (other.link?.primary !== node) continue;
      this.#cutBetween(node, other);
      other.closeLink();
      other.handle({ kind: 'linkClosed', peer: node.name, isRefused: true });
    }
  }

  /** A minority may lose its disks: one at a time, and the next one after all lists have taken note of it. */
  #loseDisk(node: SimulatedNode): void {
    const { world } = this;
    const lists = world.nodes.flatMap(({ chain, state }) => [
      ...listsOf(chain.value),
      ...listsOf(state.chain),
    ]);
    const isLarge = (list: MemberList) => list.filter(({ voter }) => voter).length >= 3;
    if (!lists.every((list) => this.#isWhole(list) && isLarge(list)) || this.#hasClones) return;
    node.loseDisk();
  }

  /** Each voter has the disk that the list names. */
  #isWhole(list: MemberList): boolean {
    return list.every(
      ({ voter, name, incarnation }) =>
        !voter || this.world.nodes.every((node) => node.name !== name || node.incarnation === incarnation),
    );
  }

  #change(node: SimulatedNode): void {
    const { world } = this;
    if (this.#hasClones) return;
    const list = listInForce(node.state.chain);
    // With a lost disk on the old list and one voter less on the new one, more than a minority would be lost.
    if (!world.nodes.every(({ chain }) => listsOf(chain.value).every((each) => this.#isWhole(each)))) return;
    if (list.length < 5 && world.random() < 0.5 && world.nodes.length < 6) {
      const name = `n${world.nodes.length + 1}`;
      const added = new SimulatedNode(world, name, {});
      added.incarnation = `${name}.0`;
      world.nodes.push(added);
      added.start();
      node.primary.changeMembers({ kind: 'add', member: placeOf(name) });
      return;
    }
    const member = world.pick(list);
    const isLeft = list.some(
      ({ name }) => name !== member?.name && !world.nodes.find((each) => each.name === name)?.isWitness,
    );
    if (member && isLeft) node.primary.changeMembers({ kind: 'remove', name: member.name });
  }

  /** The machine is copied with its disk, and both run (rule E5). Nobody is both, so it happens once. */
  #clone(node: SimulatedNode): void {
    const { world } = this;
    if (world.nodes.some(({ process, name }) => process !== name)) return;
    const copy = new SimulatedNode(world, node.name, { process: `${node.name}'`, isWitness: true });
    copy.copyDiskOf(node);
    world.nodes.push(copy);
    copy.start();
  }

  // --- without faults ------------------------------------------------------------------------------------------------------

  heal(): void {
    const { world } = this;
    if (world.trace) world.note('--- healed');
    world.cuts.clear();
    world.lossChance = 0;
    for (const node of world.nodes) {
      node.isPaused = false;
      if (!node.isUp) node.start();
    }
  }

  round(): void {
    const { world } = this;
    world.nowMs += 25;
    for (const node of world.nodes) {
      node.server.restart();
      node.tick();
      node.primary.changeMembers(null);
      if (node.server.isOpen && node.log.groups.length === node.server.groups.length) node.server.write();
    }
    world.runAll();
  }

  /** One primary serves, and all voters of its list have the same log, with a write of its own epoch acknowledged. */
  isWell(): boolean {
    const { world } = this;
    const leaders = world.nodes.filter(({ state }) => state.role.kind === 'leader' && state.role.isServing);
    const [leader] = leaders;
    if (!leader || leaders.length > 1 || leader.state.role.kind !== 'leader') return false;
    const { epoch } = leader.state.role;
    if (world.judge.acknowledged.at(-1)?.epoch !== epoch) return false;
    return listInForce(leader.state.chain)
      .filter(({ voter }) => voter)
      .every(({ name }) => {
        const node = world.nodes.find((each) => each.name === name);
        return (
          node?.isLost ||
          (node && node.log.groups.length >= leader.committed - 2 && node.adopted().epoch === epoch)
        );
      });
  }

  failLiveness(): never {
    const { world } = this;
    const lines = world.nodes.map(({ process, state, log, promise, server }) => {
      const { role } = state;
      const extra =
        role.kind === 'leader'
          ? ` ${role.stage}${role.isServing ? ' serving' : ''}${role.isSuspended ? ' suspended' : ''}`
          : '';
      return `${process} ${role.kind}${extra}, promise ${promise.value.promisedEpoch}, log ${log.durable}/${log.groups.length}, server ${server.serves}${server.isOpen ? ' open' : ''} ${server.groups.length}`;
    });
    return world.judge.fail('I7', `no primary serves after the faults have ended: ${lines.join('; ')}`);
  }
}

/** The same on the real spool. What goes wrong in the middle of its turns is thrown by the next step. */
export async function runSeedOnSpool(options: RunOptions): Promise<Run> {
  const schedule = new Schedule({ ...options, makeLog: (node) => new SpoolLog(node.logWorld, null) });
  const { world } = schedule;
  let failed: unknown = null;
  const onFailed = (reason: unknown) => {
    failed ??= reason;
  };
  process.on('unhandledRejection', onFailed);
  try {
    await schedule.runSlowly(async () => {
      for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (failed) throw failed;
    });
    return { world, violation: null };
  } catch (error) {
    return { world, violation: violationOf(error) };
  } finally {
    process.off('unhandledRejection', onFailed);
  }
}

/** Runs a seed; what it found is in the answer. */
export function runSeed(options: RunOptions): Run {
  const schedule = new Schedule(options);
  try {
    schedule.run();
    return { world: schedule.world, violation: null };
  } catch (error) {
    return { world: schedule.world, violation: violationOf(error) };
  }
}

/** What the product refuses as impossible is a violation too. */
function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error;
  if (isSkeinError(error)) return new Violation(`${error.code}: ${error.message}`);
  throw error;
}

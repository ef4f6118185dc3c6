import type { Serves } from '../../src/model/election-messages.js';
import { type Group, groupOf } from './groups.js';
import type { SimulatedNode } from './node.js';

/** The database server beside a node: a process of its own. Its data and its binary log are one list here. */
export class SimulatedServer {
  readonly #node: SimulatedNode;
  readonly groups: Group[] = [];
  isUp: boolean;
  /** It takes writes of clients, in this epoch. */
  isOpen = false;
  epoch = 0;
  /** It died while it was open; what it has was not compared since. */
  crashedOpen = false;

  constructor(node: SimulatedNode) {
    this.#node = node;
    this.isUp = !node.isWitness;
  }

  get serves(): Serves {
    const isOpenHere = this.isOpen && this.#node.primary.feeding === this.epoch;
    if (!this.isUp || !(isOpenHere || this.isPrefix())) return 'no';
    return this.crashedOpen ? 'last' : 'yes';
  }

  /** Whether its end stands in the node's log, by what nodes can see. */
  isPrefix(): boolean {
    const last = this.groups.at(-1);
    return !last || this.#node.log.groups[last.ordinal - 1]?.gtid === last.gtid;
  }

  die(): void {
    if (!this.isUp) return;
    if (this.isOpen) this.crashedOpen = true;
    this.isUp = false;
    this.isOpen = false;
  }

  wipe(): void {
    this.die();
    this.groups.length = 0;
    this.crashedOpen = false;
  }

  /** A client's statement. Its session may be older than the fence, or the node may be dead. */
  write(): void {
    const node = this.#node;
    if (!this.isUp || !this.isOpen) return;
    const group = groupOf(this.epoch, this.groups.length + 1, node.world.nextValue());
    this.groups.push(group);
    if (node.isUp) node.primary.wrote(group);
  }

  /** The node opens it as the primary of an epoch that has begun. */
  open(epoch: number): void {
    const node = this.#node;
    if (!this.isUp || !this.isPrefix()) return;
    this.#executeUpTo(node.log.groups.length);
    this.isOpen = true;
    this.epoch = epoch;
    this.crashedOpen = false;
  }

  /** The role has ended. With commits that wait the server is killed, never asked (rule C1). */
  close(): void {
    if (!this.isOpen) return;
    const node = this.#node;
    if (this.groups.length > node.committed) this.die();
    else this.isOpen = false;
  }

  /** A replica's server fetches what is committed. */
  apply(): void {
    const node = this.#node;
    if (!this.isUp || this.isOpen || !node.isUp || !this.isPrefix()) return;
    const { role } = node.state;
    if (role.kind === 'leader' && role.stage !== 'lead') return;
    const gate = node.has('apply what is received') ? node.log.groups.length : node.committed;
    this.#executeUpTo(Math.min(gate, node.log.groups.length));
    if (role.kind === 'follower' && node.isLinkReady) this.crashedOpen = false;
  }

  #executeUpTo(ordinal: number): void {
    const node = this.#node;
    for (let next = this.groups.length; next < ordinal; next++) {
      const group = node.log.groups[next];
      if (!group) return;
      this.groups.push(group);
      node.world.judge.executes(node.process, group);
    }
  }

  /**
   * The node starts it. What it has beyond the node's log, or otherwise, goes: by truncation, or because it is filled anew.
   * A primary that served in its epoch leaves it down (rule E8).
   */
  restart(): void {
    const node = this.#node;
    if (this.isUp || node.isWitness || !node.isUp) return;
    const { role } = node.state;
    const supervised = node.has('supervisor restarts the server') && role.kind === 'leader' && role.isServing;
    if (supervised) {
      // Recovery takes less than the file holds.
      this.groups.length = Math.max(0, this.groups.length - node.world.int(0, 2));
      this.isUp = true;
      this.isOpen = true;
      return;
    }
    const isSettled = role.kind === 'leader' ? role.stage === 'lead' && !role.hasServed : node.isLinkReady;
    if (!isSettled) return;
    const { groups } = node.log;
    let common = Math.min(this.groups.length, groups.length);
    while (common > 0 && this.groups[common - 1]?.gtid !== groups[common - 1]?.gtid) common--;
    this.groups.length = node.world.random() < 0.3 ? Math.min(common, node.committed) : common;
    this.isUp = true;
  }
}

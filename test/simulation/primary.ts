import { listsOf } from '../../src/election/log-position.js';
import { type ChainEntry, type ChainPlace, comparePlaces, listInForce } from '../../src/model/chain.js';
import { isSkeinError } from '../../src/model/error.js';
import {
  changeMembers,
  type ListedMember,
  type MemberChange,
  type MemberList,
} from '../../src/model/members.js';
import { type AttachedMember, automaticChange } from '../../src/roles/primary/automatic-change.js';
import { endPosition, type Group } from './groups.js';
import type { SimulatedNode } from './node.js';
import type { Session, ToPrimary } from './session.js';

/** Groups in one message. Few, so that a link ends in the middle of what there is to send. */
const BATCH_MAX = 2;

interface Wait {
  readonly group: Group;
  readonly epoch: number;
  readonly generation: number;
}

interface Read {
  readonly beganMs: number;
  readonly generation: number;
  /** What was acknowledged when it began. */
  readonly seen: number;
}

/** What a node does as the primary: feeds replicas, counts, answers clients, and changes the list of members. */
export class Primary {
  readonly #node: SimulatedNode;
  /** Epoch in which members may attach; null = none. */
  feeding: number | null = null;
  portsOpen = true;
  isDraining = false;
  readonly #sessions = new Map<string, Session>();
  readonly #matches = new Map<string, { durable: number; place: ChainPlace }>();
  /** Requests of clients, in the client plane: they outlive the role. */
  readonly #waits: Wait[] = [];
  #reads: Read[] = [];

  constructor(node: SimulatedNode) {
    this.#node = node;
  }

  reset(): void {
    this.end();
    this.#waits.length = 0;
    this.#reads = [];
  }

  end(): void {
    this.feeding = null;
    this.isDraining = false;
    this.#matches.clear();
    for (const session of this.#sessions.values()) session.closeByPrimary();
    this.#sessions.clear();
    this.#reads = [];
  }

  feed(epoch: number): void {
    const { state, world, process } = this.#node;
    this.feeding = epoch;
    this.portsOpen = true;
    if (state.role.kind === 'leader') world.judge.elects(epoch, process, state.role.campaign);
  }

  lead(epoch: number): void {
    const node = this.#node;
    node.world.judge.leads(node.process, epoch, node.log.groups);
    const begin = node.state.chain.find((entry) => entry.epoch === epoch);
    // What the beginning stands on is committed with it (rule C8).
    this.#commitUpTo(begin?.beginsAfter.ordinal ?? 0);
    this.count();
  }

  // --- replicas --------------------------------------------------------------------------------------------------

  take(session: Session, message: ToPrimary): void {
    const node = this.#node;
    if (message.kind === 'attach') {
      if (this.feeding !== session.epoch) {
        session.break();
        return;
      }
      const { name } = session.replica;
      const old = this.#sessions.get(name);
      if (old !== session) old?.closeByPrimary();
      this.#sessions.set(name, session);
      this.#matches.delete(name);
      session.incarnation = message.incarnation;
      // What is on the disk: nobody is told of an entry before.
      session.toReplica({ kind: 'welcome', chain: node.chain.value, committed: node.committed });
      return;
    }
    if (this.feeding !== session.epoch || this.#sessions.get(session.replica.name) !== session) return;
    if (message.kind === 'ready') {
      session.isReady = true;
      session.next = message.end + 1;
    }
    this.#matches.set(session.replica.name, message);
    const { incarnation, epoch, replica } = session;
    node.handle({ kind: 'adopted', from: replica.name, incarnation, epoch, place: message.place });
    this.count();
    this.#stream(session);
  }

  broken(session: Session): void {
    const { name } = session.replica;
    if (this.#sessions.get(name) === session) this.#sessions.delete(name);
  }

  announce(entry: ChainEntry, isSettled: boolean): void {
    for (const session of this.#sessions.values()) {
      if (!session.isReady) {
        // It was welcomed with an older chain.
        session.break();
        continue;
      }
      this.#stream(session);
      session.toReplica({ kind: 'list', entry, isSettled });
    }
  }

  #stream(session: Session): void {
    if (!session.isReady || !session.primaryOpen) return;
    const { log, committed } = this.#node;
    do {
      const groups = log.groups.slice(session.next - 1, session.next + BATCH_MAX - 1);
      session.next += groups.length;
      session.toReplica({ kind: 'records', groups, committed });
    } while (session.next <= log.groups.length);
  }

  #streamToAll(): void {
    for (const session of this.#sessions.values()) this.#stream(session);
  }

  // --- the source, and clients -----------------------------------------------------------------------------------

  wrote(group: Group): void {
    const node = this.#node;
    const { role } = node.state;
    if (role.kind === 'leader' && this.portsOpen)
      this.#waits.push({ group, epoch: role.epoch, generation: node.generation });
    node.world.later(
      node,
      () => `${node.process}: the source reads`,
      () => this.readLog(),
    );
  }

  /** The source copies what the server has logged into the node's own log, and sends it. */
  readLog(): void {
    const node = this.#node;
    const { server, log, state } = node;
    if (this.feeding === null || state.role.kind !== 'leader') return;
    const end = server.epoch === this.feeding ? server.groups.length : 0;
    for (let next = log.groups.length; next < end; next++) {
      const group = server.groups[next];
      if (!group) break;
      node.world.judge.appends(node.process, log.groups, group);
      log.append(group);
    }
    this.#streamToAll();
    this.count();
    if (this.isDraining) node.handle({ kind: 'drained', ordinal: log.groups.length });
  }

  drain(): void {
    const node = this.#node;
    this.isDraining = true;
    node.world.later(
      node,
      () => `${node.process}: is drained`,
      () => this.readLog(),
    );
  }

  /** An operator's client: a linearizable read, answered when a majority has answered a heartbeat that was sent after it came. */
  read(): void {
    const node = this.#node;
    if (node.state.role.kind !== 'leader' || !node.server.isOpen || !this.portsOpen) return;
    const { world, generation } = node;
    this.#reads.push({ beganMs: world.nowMs, generation, seen: world.judge.acknowledgedEnd });
    this.answerReads();
  }

  answerReads(): void {
    const node = this.#node;
    const { role, chain } = node.state;
    const { world } = node;
    if (role.kind !== 'leader' || this.#reads.length === 0) return;
    this.#reads = this.#reads.filter((read) => {
      if (read.generation !== node.generation || !node.server.isUp) return false;
      const sinceMs = node.has('lease read')
        ? world.nowMs - world.options.electionTimeoutMinMs
        : read.beganMs;
      const isConfirmed = world.rules.isMajority(
        listsOf(chain),
        ({ name }) => name === node.name || (role.contacts.get(name) ?? -1) > sinceMs,
      );
      if (!isConfirmed) return true;
      world.judge.reads(node.process, node.server.groups, read.seen);
      return false;
    });
  }

  // --- counting --------------------------------------------------------------------------------------------------

  count(): void {
    const node = this.#node;
    const { role, chain } = node.state;
    if (role.kind !== 'leader' || this.feeding === null) return;
    if (role.stage !== 'lead' && !node.has('commit by count')) return;
    const reached = listsOf(chain).map((list) => this.#heldBy(list));
    if (reached.length > 0) this.#commitUpTo(Math.min(...reached));
  }

  #heldBy(list: MemberList): number {
    const node = this.#node;
    const { rules } = node.world;
    const countOf = (member: ListedMember): number => {
      if (member.name === node.name) {
        const own = node.has('count the binary log') ? node.server.groups.length : node.log.durable;
        return rules.isListed(member, node.incarnation) ? node.counted(node.adopted(), own) : 0;
      }
      const match = this.#matches.get(member.name);
      const session = this.#sessions.get(member.name);
      if (!match || !session || !rules.isListed(member, session.incarnation)) return 0;
      return node.counted(match.place, match.durable);
    };
    const counts = list.map(countOf);
    const isHeld = (ordinal: number) =>
      rules.isMajority([list], (member) => (counts[list.indexOf(member)] ?? 0) >= ordinal);
    return Math.max(0, ...counts.filter(isHeld));
  }

  #commitUpTo(ordinal: number): void {
    const node = this.#node;
    if (ordinal <= node.committed) return;
    for (let next = node.committed; next < ordinal; next++) {
      const group = node.log.groups[next] ?? node.server.groups[next];
      if (group)
        node.world.judge.commits(node.process, group, node.world.isOnMajority(node.state.chain, group));
    }
    node.heard(ordinal);
    this.#streamToAll();
  }

  /** The commit position crosses to the client plane some time later, with the generation that it belongs to (rule E16). */
  tellClients(): void {
    const node = this.#node;
    if (this.#waits.length === 0) return;
    const { generation, committed } = node;
    node.world.later(
      node,
      () => `${node.process}: clients are told`,
      () => {
        for (let i = this.#waits.length - 1; i >= 0; i--) {
          const wait = this.#waits[i];
          if (!wait) continue;
          const isOf = wait.generation === generation || node.has('confirm by ordinal');
          if (isOf && wait.group.ordinal > committed) continue;
          if (!isOf && wait.generation > generation) continue;
          this.#waits.splice(i, 1);
          if (isOf) {
            node.world.judge.acknowledges(node.process, wait.epoch, wait.group);
            node.world.judge.executes(node.process, wait.group);
          }
        }
      },
    );
  }

  // --- members ---------------------------------------------------------------------------------------------------

  /** What the primary changes by itself, or what an operator wants. */
  changeMembers(wanted: MemberChange | null): void {
    const node = this.#node;
    const { role, chain } = node.state;
    if (role.kind !== 'leader' || role.stage !== 'lead') return;
    const list = listInForce(chain);
    const change = wanted ?? this.#wanted(list);
    if (change === null) return;
    try {
      const members = changeMembers(list, node.name, change);
      node.handle({ kind: 'changeMembers', members, end: endPosition(node.log) });
    } catch (error) {
      if (!isSkeinError(error)) throw error;
    }
  }

  #wanted(list: MemberList): MemberChange | null {
    const node = this.#node;
    const own = list.find(({ name }) => name === node.name);
    if (!own) return null;
    const attached = new Map<string, AttachedMember>();
    for (const place of list) {
      const session = this.#sessions.get(place.name);
      const match = this.#matches.get(place.name);
      if (!session?.isReady || !match) continue;
      // An entry that it lacks makes it worth less than its length.
      const durable = comparePlaces(match.place, node.adopted()) >= 0 ? match.durable : 0;
      attached.set(place.name, { place, incarnation: session.incarnation, sound: true, durable });
    }
    const self = { place: own, incarnation: node.incarnation };
    return automaticChange({ list, self, attached, committed: node.committed });
  }
}

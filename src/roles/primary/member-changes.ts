import type { EventLog } from '../../events/event-log.js';
import {
  type Chain,
  countedLists,
  currentEpoch,
  listedNames,
  listInForce,
  newestEntry,
} from '../../model/chain.js';
import { isSkeinError, messageOf, SkeinError } from '../../model/error.js';
import {
  changeBetween,
  changeMembers,
  isMajorityOfAll,
  isSameLink,
  isSamePlace,
  isWitness,
  type ListedMember,
  type MemberChange,
  type MemberList,
  type MemberPlace,
  majorityOf,
  memberNamed,
  nameOfChange,
  placeOf,
  votersOf,
} from '../../model/members.js';
import type { ChangeStatus } from '../../model/status.js';
import type { Logger } from '../../std/logger.js';
import { sleep } from '../../std/timing.js';
import type { AttachInfo } from '../../wire/messages.js';
import type { Epochs } from '../epochs.js';
import type { ElectionPort } from '../role-node.js';
import { type AttachedMember, type AutomaticChangeFacts, automaticChange } from './automatic-change.js';
import { removalRisk } from './removal-risk.js';
import type { ReplicaSet } from './replica-set.js';

export interface MemberChangesOptions {
  readonly place: MemberPlace;
  /** Incarnation of this node's spool. */
  readonly incarnation: string;
  /** How long a caller waits for a majority of both lists; default 10,000 ms. The change continues after that. */
  readonly waitMs?: number;
}

export interface MemberChangesModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly epochs: Epochs;
  readonly replicas: ReplicaSet;
  /** Whether this primary is open. */
  isOpen(): boolean;
  /** Whether this replica has sent a heartbeat lately. */
  isHeard(node: string): boolean;
  /** The list, or the change under way, has changed. Called before anything is counted or answered by it. */
  changed(): void;
  readonly election: Pick<ElectionPort, 'changeMembers'>;
}

/** A majority of attached replicas adopts an entry within milliseconds. */
const WAIT_MS = 10_000;

const EVENTS = {
  add: 'member.added',
  promote: 'member.promoted',
  remove: 'member.removed',
  address: 'member.moved',
  reset: 'member.reset',
} as const;

/**
 * Changes the list of members on the primary (rule C11), one change at a time. Each change is an entry of the chain, which the
 * election writes. It is in force as soon as it is on this node's disk. Until a majority of the old list and of the new list has
 * adopted it, both lists count, and no other change begins.
 */
export class MemberChanges {
  readonly #options: MemberChangesOptions;
  readonly #modules: MemberChangesModules;
  /** A majority of each counting list has adopted the newest entry. */
  #isSettled = false;
  /** True between the beginning of the epoch and the end of the role. */
  #isRunning = false;
  #since = '';
  /** The change that the election has written last. */
  #changing: { kind: MemberChange['kind']; name: string } | null = null;
  #turns: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<(error: SkeinError | null) => void>();
  #isChanging = false;
  #failed = '';

  constructor(options: MemberChangesOptions, modules: MemberChangesModules) {
    this.#options = options;
    this.#modules = modules;
    const { replicas } = modules;
    replicas.onAdopted.on(() => this.look());
    replicas.onAttached.on(() => this.look());
    replicas.onLearned.on(() => this.look());
  }

  get list(): MemberList {
    return listInForce(this.#chain);
  }

  get #chain(): Chain {
    return this.#modules.epochs.chain;
  }

  /** The change that is in force but not yet on a majority; null = there is none. */
  get status(): ChangeStatus | null {
    const change = this.#isSettled ? null : this.#underWay();
    if (change === null) return null;
    return { kind: change.kind, member: change.name, since: this.#since, waitsFor: this.#waitsFor() };
  }

  #underWay(): { kind: MemberChange['kind']; name: string } | null {
    const [before, after] = this.#chain.flatMap(({ members }) => (members ? [members] : [])).slice(-2);
    return before && after ? changeBetween(before, after) : null;
  }

  #waitsFor(): string {
    const entry = newestEntry(this.#chain);
    if (entry === null) return '';
    const adopters = this.#modules.replicas.adopters(entry);
    const texts = countedLists(this.#chain).map((voters) => {
      const missing = voters.filter((voter) => !adopters.has(voter));
      const have = voters.length - missing.length;
      return have >= majorityOf(voters.length)
        ? ''
        : `${have} of ${voters.length} voters have it, ${majorityOf(voters.length)} are needed (missing: ${missing.join(', ')})`;
    });
    return texts.find((text) => text !== '') ?? 'It is being written.';
  }

  /** The beginning of the epoch is on a majority. */
  began(): void {
    this.#isRunning = true;
    this.#isSettled = countedLists(this.#chain).length === 1;
    this.#since = new Date().toISOString();
    this.look();
  }

  ended(): void {
    this.#isRunning = false;
    this.#isSettled = false;
    this.#settleWaiters(new SkeinError('ROLE_LOST', 'This node is not the open primary any more.'));
  }

  /** Why a replica may not attach: no counting list names it, or it is another machine; null = the replica may attach. */
  refusalOf(attach: AttachInfo): { refuse: string; message: string } | null {
    const { node, adopted } = attach;
    const listed = memberNamed(this.list, node);
    if (listed !== null && isWitness(listed) !== isWitness(attach)) {
      return { refuse: 'MEMBER_KIND', message: otherKindText(listed) };
    }
    if (listed !== null && isAnother(listed, attach)) {
      return { refuse: 'MEMBER_ELSEWHERE', message: elsewhereText(listed, attach) };
    }
    if (listedNames(this.#chain).includes(node)) return null;
    return adopted === null
      ? {
          refuse: 'NOT_A_MEMBER',
          message: `${node} is not a member of this cluster yet. Add it on the primary.`,
        }
      : { refuse: 'REMOVED', message: removedText(node) };
  }

  /**
   * Resolves when a majority of the old list and of the new list has the change.
   * @throws SkeinError of `changeMembers`, NOT_OPEN or NO_QUORUM: nothing was changed. CHANGE_PENDING or ROLE_LOST: the change
   * may be in force.
   */
  change(change: MemberChange): Promise<void> {
    const turn = this.#turns.then(() => this.#apply(change));
    this.#turns = turn.catch(() => {});
    return turn;
  }

  async #apply(change: MemberChange): Promise<void> {
    if (!this.#modules.isOpen())
      throw new SkeinError('NOT_OPEN', 'The primary is not open. Nothing was changed.');
    await this.#settled();
    const before = this.list;
    if (change.kind === 'add') {
      const old = memberNamed(before, change.member.name);
      if (old && isSamePlace(old, change.member)) return;
    }
    await this.#enter(change);
    await this.#settled();
  }

  async #enter(change: MemberChange): Promise<void> {
    const { epochs, replicas, election } = this.#modules;
    const before = this.list;
    const after = changeMembers(before, this.#options.place.name, change);
    this.#refuseUnreachable(before, after, change);
    const risk = removalRisk(before, after, change, {
      self: this.#options.place.name,
      committed: replicas.quorum.committed,
      durableOf: (name) => replicas.durableOf(name),
    });
    if (risk !== null)
      throw new SkeinError(
        'NO_QUORUM',
        `The list of members cannot be changed now. ${risk} Nothing was changed.`,
      );
    await election.changeMembers(after, epochs.positionAt(replicas.quorum.reached('async')));
  }

  #entered(): void {
    const { replicas, changed } = this.#modules;
    this.#isSettled = false;
    this.#changing = this.#underWay();
    this.#since = new Date().toISOString();
    replicas.listsChanged();
    changed();
    replicas.sendList(false);
  }

  /** The election has written an entry, or has found that it is on a majority. */
  announced(isSettled: boolean): void {
    if (!isSettled) this.#entered();
    else this.#finished();
  }

  /** Refuses a change that cannot get its majority now, because it would stay under way and block every later change. */
  #refuseUnreachable(before: MemberList, after: MemberList, change: MemberChange): void {
    const name = nameOfChange(change);
    const there = new Set([this.#options.place.name, ...this.#modules.replicas.heardNames]);
    // The promoted member counts from this change on.
    if (change.kind === 'promote' && this.#modules.isHeard(name)) there.add(name);
    for (const voters of [votersOf(before), votersOf(after)]) {
      if (isMajorityOfAll([voters], there)) continue;
      const away = voters.filter((voter) => !there.has(voter)).join(', ');
      const help =
        change.kind === 'remove' && voters.length === 2
          ? ` With two voters, every change needs both: start ${away} again, then remove it. If its disk is lost, start it with an empty spool and data directory. The primary then admits it again automatically.`
          : ` Start ${away}, then try again.`;
      throw new SkeinError(
        'NO_QUORUM',
        `The list of members cannot be changed now: ${majorityOf(voters.length)} of the voters ${voters.join(', ')} must be attached, but ${away} is not. Nothing was changed.${help}`,
      );
    }
  }

  async #settled(): Promise<void> {
    if (this.#isSettled) return;
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.add((error) => (error ? reject(error) : resolve()));
    });
    const timer = new AbortController();
    const late = sleep(this.#options.waitMs ?? WAIT_MS, timer.signal).then(() => {
      throw new SkeinError(
        'CHANGE_PENDING',
        `A change of the members is in force, but not yet on a majority of the old list and of the new list: ${this.#waitsFor()} The change continues.`,
      );
    });
    try {
      await Promise.race([done, late]);
    } finally {
      timer.abort();
      done.catch(() => {});
      late.catch(() => {});
    }
  }

  #settleWaiters(error: SkeinError | null): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake(error);
  }

  #finished(): void {
    const { replicas, changed } = this.#modules;
    this.#isSettled = true;
    replicas.sendList(true);
    // This ends the link of a removed member with the reason, before another part ends it without.
    if (this.#changing !== null) this.#done(this.#changing);
    replicas.listsChanged();
    changed();
    this.#settleWaiters(null);
    this.look();
  }

  #done({ kind, name }: { kind: MemberChange['kind']; name: string }): void {
    const { events, replicas } = this.#modules;
    const { number } = newestEntry(this.#chain) ?? { number: 0 };
    const voters = votersOf(this.list);
    const texts: Readonly<Record<MemberChange['kind'], string>> = {
      add: `${name} is now a member. It is a learner, and becomes a voter once it has all committed transactions.`,
      promote: `${name} is now a voter.`,
      remove: `${name} is no longer a member.`,
      address: `${name} has another address.`,
      reset: `${name} has another disk. It is a learner until the new disk has all committed transactions.`,
    };
    const data = { epoch: currentEpoch(this.#chain), number, voters };
    events.add(EVENTS[kind], name, `${texts[kind]} Voters: ${voters.join(', ')}.`, data);
    if (kind === 'remove') replicas.dismiss(name, removedText(name));
  }

  /**
   * Begins the next automatic change: the primary makes learners voters, admits a replica whose log was lost, and updates
   * addresses. Called when a fact that counts for that may have changed.
   */
  look(): void {
    const { isOpen, logger } = this.#modules;
    if (!this.#isRunning || this.#isChanging || !this.#isSettled || !isOpen()) return;
    const change = automaticChange(this.#facts());
    if (change === null) return;
    this.#isChanging = true;
    this.change(change).then(
      () => {
        this.#isChanging = false;
        this.#failed = '';
        this.look();
      },
      (error: unknown) => {
        // The next heartbeat tries again.
        this.#isChanging = false;
        const reason = messageOf(error);
        if (reason !== this.#failed && !isSkeinError(error, 'MEMBER_UNCHANGED'))
          logger.warn({ change, reason }, 'the list of members was not changed');
        this.#failed = reason;
      },
    );
  }

  #facts(): AutomaticChangeFacts {
    const { replicas, isHeard } = this.#modules;
    const attached = new Map<string, AttachedMember>();
    for (const { name } of this.list) {
      const session = isHeard(name) ? replicas.session(name) : null;
      if (session === null) continue;
      const { incarnation } = session.attach;
      const place = placeOf({ ...session.attach, name });
      const sound = replicas.isSound(session);
      attached.set(name, { place, incarnation, sound, durable: replicas.durableOf(name) });
    }
    const { committed } = replicas.quorum;
    return { list: this.list, self: this.#options, attached, committed };
  }
}

/**
 * A member with another disk has lost its own disk, and a member at another address has moved. A node with another disk at
 * another address is another machine under the same name, such as a machine that was removed and whose name a new member has.
 * The list has no disk of a member that was only just added; a node that has never followed this cluster is that member.
 */
function isAnother(listed: ListedMember, attach: AttachInfo): boolean {
  if (listed.incarnation === attach.incarnation || isSameLink(listed.link, attach.link)) return false;
  return listed.incarnation !== '' || attach.adopted !== null;
}

function elsewhereText({ name, http }: ListedMember, attach: AttachInfo): string {
  return `The member ${name} is at ${http}. This node says that it is ${name} at ${attach.http}, and it has another disk: so it is another machine. Stop this node; or, to give it the place of ${name}, remove ${name} and add it again.`;
}

function otherKindText({ name, witness }: ListedMember): string {
  const [listed, is] = witness
    ? ['a witness', 'a node with a server']
    : ['a node with a server', 'a witness'];
  return `The cluster has ${name} as ${listed}, and this node is ${is} ("witness" in its node.json). To change that, remove ${name} (skein remove ${name}), and join again with an empty directory.`;
}

function removedText(node: string): string {
  return `${node} was removed from this cluster. Its data was not deleted. To use it again, add it on the primary.`;
}

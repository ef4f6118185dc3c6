import { join } from 'node:path';
import type { Openness } from '../../api/node-view.js';
import type { Fitness } from '../../election/state.js';
import { messageOf, SkeinError } from '../../model/error.js';
import { sleep } from '../../std/timing.js';
import { settleFormer } from '../former-recovery.js';
import { levelFormer } from '../level-former.js';
import type { LocalServerUp, ReplicaThreads, ServerReading } from '../local-server.js';
import { isOnlyVoter } from '../only-voter.js';
import type { ReplicaRole } from '../replica/replica-role.js';
import type { NodeParts } from '../role-node.js';
import type { SeedTarget } from '../seed-parts.js';
import { ElectedClosing } from './elected-closing.js';
import type { PrimaryRole } from './primary-role.js';
import type { WriteHold } from './write-hold.js';

const UP_POLL_MS = 20;

export interface ElectedTermOptions {
  readonly epoch: number;
  /** Brings the server level with the log first; null = the server was open as the primary before, see OpenMark. */
  readonly applying: ReplicaRole | null;
}

export interface ElectedTermModules {
  readonly parts: NodeParts;
  readonly primary: PrimaryRole;
  readonly hold: WriteHold;
  changed(): void;
}

/**
 * The part of the server in an elected epoch (rules E8, E10): a replica's server executes the rest of the log before it is
 * opened, and a server that has ended is not opened again in this epoch.
 */
export class ElectedTerm {
  readonly epoch: number;
  readonly #modules: ElectedTermModules;
  readonly #closing: ElectedClosing;
  readonly #ended = new AbortController();
  #applying: ReplicaRole | null;
  #up: LocalServerUp | null = null;
  readonly #off: () => void;
  /** The beginning of the epoch is on a majority. */
  #hasLed = false;
  /** The server that died while it was the primary of an older epoch, until it is compared; null = the server is none. */
  #former: LocalServerUp | null = null;
  /** The server may be opened for clients. */
  #mayServe = false;
  /** The server was given to the primary's work in this epoch. */
  #isTaken = false;
  /** The server was opened. */
  #isOpened = false;
  /** The server has ended after that: it is not opened again in this epoch. */
  #isGone = false;
  #suspended: string | null = null;
  #drainedFor: { readonly to: string } | null = null;
  #levelling: Promise<number | null> | null = null;

  constructor({ epoch, applying }: ElectedTermOptions, modules: ElectedTermModules) {
    this.epoch = epoch;
    this.#applying = applying;
    this.#modules = modules;
    const { parts, primary, hold } = modules;
    this.#off = primary.replicas.onCommitted.on(() => this.#applying?.committedMoved());
    this.#closing = new ElectedClosing({
      logger: parts.logger.child({ part: 'primary' }),
      epochs: primary.epochs,
      spool: parts.spool,
      openMark: parts.openMark,
      hold,
      control: () => parts.control(),
      isUp: () => this.#isTaken && !this.#isGone && this.#up !== null,
      cutClients: () => parts.cutClients(),
      newServerId: () => parts.newServerId(),
      kill: (reason) => this.#kill(reason),
    });
  }

  #kill(reason: string): Promise<void> {
    const { events, config, kill } = this.#modules.parts;
    events.add('fence', config.name, `The node kills the server and starts it again: ${reason}.`);
    return kill(reason);
  }

  // --- the server ----------------------------------------------------------------------------------------------

  async serverUp(up: LocalServerUp): Promise<void> {
    this.#up = up;
    this.#former = null;
    if (this.#applying !== null && this.#modules.parts.openMark.epoch !== null) {
      // It was open as the primary of an older epoch: what it logged then must not be fed or served before it is compared.
      this.#former = up;
      this.#modules.changed();
      return;
    }
    this.#modules.primary.standby = up;
    this.#modules.changed();
    if (this.#applying) await this.#applying.serverUp(up);
    else if (this.#mayServe && !this.#isTaken) await this.#take(up);
  }

  serverDown(reason: string): void {
    this.#up = null;
    this.#former = null;
    this.#modules.primary.standby = null;
    this.#isGone ||= this.#isTaken;
    this.#applying?.serverDown();
    this.#modules.primary.serverDown(reason);
  }

  watch(reading: ServerReading): void {
    if (this.#applying) {
      this.#applying.watch(reading);
      this.#learnCommitted(this.#applying);
    } else this.#modules.primary.watch(reading);
  }

  /**
   * The spool notes with a delay what is committed, and no majority may be there to tell: a voter that has to be filled before the
   * beginning of the epoch waits until this node knows what its server has executed to be committed (rule E12).
   */
  #learnCommitted({ executed }: ReplicaRole): void {
    const { primary } = this.#modules;
    if (executed !== null && primary.positionAt(executed.ordinal).gtid === executed.gtid)
      primary.replicas.learn(executed.ordinal);
  }

  async watchThreads(threads: ReplicaThreads | null): Promise<void> {
    await this.#applying?.watchThreads(threads);
  }

  /** Ordinal up to which the server has executed. */
  get applied(): number {
    return this.#applying?.positions.applied ?? this.#modules.primary.received;
  }

  /** A server may be started: this epoch has begun, and it is none that died in it (rule E8). */
  get isDecided(): boolean {
    return this.#hasLed && !this.#isGone;
  }

  get fitness(): Pick<Fitness, 'serves'> {
    const { parts, primary } = this.#modules;
    const isUnfit = this.#isGone || primary.unfit !== null;
    if (this.#up === null || isUnfit) return { serves: 'no' };
    // A seed that has found nobody to copy from does not help: there may be nobody.
    if (this.#former !== null) return { serves: isWithoutDonor(parts) ? 'last' : 'no' };
    if (parts.seeding.isRunning) return { serves: 'no' };
    if (this.#applying !== null) return { serves: this.#applying.checks.closed === null ? 'yes' : 'no' };
    if (primary.unrepaired !== null) return { serves: 'last' };
    return { serves: this.#up.crashed && !this.#isTaken ? 'last' : 'yes' };
  }

  /**
   * Until its server is taken, this node can still be filled, as a replica is: it may have been elected because no node had a
   * working server. Null = the server is the primary's.
   */
  get seedTarget(): SeedTarget | null {
    const applying = this.#applying;
    const { parts } = this.#modules;
    if (applying === null) return null;
    return {
      committed: () => (this.#hasLed ? parts.spool.committed() : null),
      applied: () => applying.followedTo,
      restartSpool: async ({ gtid }) => {
        const reason = `The snapshot ends at ${gtid}, after the log of this node, which has all that is committed.`;
        throw new SkeinError('SEED_LOST_BRANCH', reason);
      },
      dataReplaced: () => applying.dataReplaced(),
    };
  }

  // --- the election --------------------------------------------------------------------------------------------

  /** The beginning of the epoch is on a majority, and so is the log before it. */
  led(): void {
    this.#hasLed = true;
  }

  serve(): void {
    this.#mayServe = true;
    this.#takeOver().catch((error: unknown) => {
      if (this.#ended.signal.aborted) return;
      this.#modules.parts.logger.error({ reason: messageOf(error) }, 'the server could not be opened');
    });
  }

  async #takeOver(): Promise<void> {
    const applying = this.#applying;
    const former = this.#former;
    if (applying) {
      if (former !== null && !(await this.#compareFormer(former, applying))) return;
      await applying.finish(this.#ended.signal);
      await applying.stop();
      this.#applying = null;
    }
    // It was just taken over, or runs closed since its start. What a former primary did without logging it is found at the opening.
    if (this.#up && !this.#isTaken)
      await this.#take(applying ? { ...this.#up, adopted: true, crashed: former !== null } : this.#up);
  }

  /** False: the server cannot serve in this epoch. */
  async #compareFormer(up: LocalServerUp, applying: ReplicaRole): Promise<boolean> {
    const { parts, primary } = this.#modules;
    const { config, events, seeding } = parts;
    if (seeding.isRunning) await seeding.cancel('this node was elected, and nobody else has a server');
    const dataDir = join(config.directory, 'data');
    const outcome = await settleFormer({ ...parts, dataDir }, (ordinal) => primary.positionAt(ordinal).gtid);
    // The epoch may have ended meanwhile: then the next role has the server.
    if (this.#former !== up || this.#ended.signal.aborted) return false;
    if (outcome.kind === 'seed') {
      primary.unfit = outcome.reason;
      events.add('replication.error', config.name, outcome.reason, { code: 'SERVER_AHEAD' });
      this.#modules.changed();
      return false;
    }
    // What it executes from now on could hide what it had done without logging it.
    await parts.openMark.doubtful('it has executed more of the log since then');
    this.#former = null;
    await applying.serverUp({ ...up, adopted: true, crashed: true });
    return true;
  }

  async #take(up: LocalServerUp): Promise<void> {
    const { primary } = this.#modules;
    this.#isTaken = true;
    await primary.serverUp(up);
    this.#isOpened = primary.isOpen;
  }

  suspend(reason: string): void {
    this.#suspended = reason;
    this.#modules.changed();
  }

  resume(): void {
    this.#suspended = null;
    this.#modules.changed();
  }

  async drain(to: string): Promise<number | null> {
    this.#drainedFor = { to };
    this.#modules.changed();
    const { parts, primary } = this.#modules;
    if (this.#isGone && isOnlyVoter(parts)) {
      // Starting the server may last longer than a hand-over, which is tried again then.
      this.#levelling ??= this.#level().finally(() => {
        this.#levelling = null;
      });
      return await this.#levelling;
    }
    if (primary.unfit === null && (this.#isOpened || !this.#isTaken)) return this.#closing.drain();
    // What such a server has beyond the spool is not the cluster's; and one that is being opened has taken no writes, and may still be
    // opened meanwhile. So nobody waits for its log.
    await parts.cutClients();
    return parts.spool.end.ordinal;
  }

  /**
   * The server of the only voter has died. What it had logged beyond the spool is kept, so the next epoch begins after that. Null: the
   * epoch has ended before the server was up.
   */
  async #level(): Promise<number | null> {
    const { parts } = this.#modules;
    const { signal } = this.#ended;
    try {
      await parts.cutClients();
      while (this.#up === null) await sleep(UP_POLL_MS, signal);
      await levelFormer(parts, signal);
    } catch (error) {
      if (signal.aborted) return null;
      // It is tried again in the next role, which tells the reason (FormerServer).
      parts.logger.warn(
        { reason: messageOf(error) },
        'the log of the server that died was not read to its end',
      );
    }
    return parts.spool.end.ordinal;
  }

  async undrain(): Promise<void> {
    const drainedFor = this.#drainedFor;
    await this.#closing.undrain();
    // Another hand-over may have begun meanwhile.
    if (this.#drainedFor === drainedFor) this.#drainedFor = null;
    this.#modules.changed();
  }

  /** By how much this log may be behind the cluster's; null = that is not known, because another primary may have been elected. */
  get lagMs(): number | null {
    return this.#suspended === null ? 0 : null;
  }

  /** Why an open primary serves nobody now; null = it serves. */
  get closed(): Openness | null {
    if (this.#drainedFor !== null)
      return { open: false, code: 'NOT_OPEN', reason: `This node hands over to ${this.#drainedFor.to}.` };
    if (this.#suspended !== null)
      return {
        open: false,
        code: 'NO_QUORUM',
        reason: `This primary serves nobody now: ${this.#suspended}.`,
        isSuspended: true,
      };
    return null;
  }

  /** The epoch is over here. Resolves when the server is a replica's, or has ended. */
  async end(): Promise<void> {
    this.#off();
    this.#ended.abort(new Error('The epoch is over.'));
    await this.#applying?.stop();
    // A statement that opens the server may be under way, and would come after those that close it.
    if (this.#isTaken && !this.#isOpened && !this.#isGone && this.#up !== null)
      await this.#kill('its role ends while it is being opened');
    else await this.#closing.close();
  }

  async stop(): Promise<void> {
    this.#ended.abort(new Error('The node stops.'));
    await this.#applying?.stop();
  }
}

/** No seed runs, or it waits for a node from which it could copy. */
function isWithoutDonor({ seeding }: NodeParts): boolean {
  const { phase } = seeding.progress ?? { phase: 'idle' };
  return !seeding.isRunning || phase === 'choosing' || phase === 'backing-off';
}

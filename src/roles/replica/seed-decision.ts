import { messageOf, SkeinError } from '../../model/error.js';
import { ORIGIN, type Position } from '../../model/position.js';
import type { Spool } from '../../spool/spool.js';
import type { Logger } from '../../std/logger.js';
import type { Seeding } from '../seed-parts.js';

/**
 * A server that is new, or whose data was set back, is filled from the log when at most this many transactions are missing,
 * otherwise from another node. A replica applies some thousand transactions per second, so for more a snapshot is faster.
 */
const REPLAY_MAX = 20_000;

export interface SeedDecisionModules {
  readonly logger: Logger;
  readonly seeding: Pick<Seeding, 'need' | 'isRunning'>;
  readonly spool: Pick<Spool, 'begin' | 'end' | 'committed'>;
  /** Notes that clients may have seen this server's data up to this ordinal, or will when they see it at all. */
  note(ordinal: number): void;
  /** The GTID of this ordinal in the history that this node follows. */
  nameOf(ordinal: number): string;
  /** Empties the spool. It continues after this position, which the server's data includes. */
  restartSpool(position: Position): Promise<void>;
}

/**
 * Decides whether the log can bring a replica's server up to date, or whether the server must be filled from another
 * node.
 */
export class SeedDecision {
  readonly #modules: SeedDecisionModules;
  /** Commit position that the primary of the current epoch has sent; null = none yet. */
  #committed: number | null = null;
  /** Ordinal up to which a server has executed that does not have all that it once had; null = the server has it. */
  #behindAt: number | null = null;
  /** Ordinal up to which clients may have seen its data; 0 = the server is new. */
  #seenTo = 0;
  /** Ordinal that such a server must reach before clients may read from it. */
  #target: number | null = null;
  /** Position that the server has executed durably since it was taken over. */
  #applied: Position = ORIGIN;
  #isRestarting = false;
  /** The server has been taken over, and its position is known. */
  #follows = false;

  constructor(modules: SeedDecisionModules) {
    this.#modules = modules;
  }

  get committed(): number | null {
    return this.#committed;
  }

  get closed(): string | null {
    if (this.#behindAt === null) return null;
    const of = this.#target === null ? '' : ` of ${this.#target}`;
    return `${this.#why} It is being filled from the log, and has ${this.#behindAt}${of} transactions.`;
  }

  get #why(): string {
    if (this.#seenTo === 0) return 'The server of this replica is new.';
    return `The server of this replica does not have all that its clients may have seen (up to number ${this.#seenTo}).`;
  }

  welcomed({ committedOrdinal }: { committedOrdinal: number }): void {
    this.#committed = committedOrdinal;
    if (this.#behindAt !== null) this.#aim();
  }

  heard(committedOrdinal: number): void {
    if (this.#committed !== null && committedOrdinal > this.#committed) this.#committed = committedOrdinal;
  }

  /**
   * The server was started at this position; `seenTo` is the ordinal that was noted. Data that was set back shows older states
   * than clients have seen. So it is not read before it has what the cluster has committed.
   * @throws SkeinError DATA_MISSING: the spool does not have the next transactions
   */
  looked({ ordinal, gtid }: Position, seenTo: number): void {
    this.#forget();
    const { begin } = this.#modules.spool;
    if (ordinal + 1 < begin) throw this.#missing(ordinal, gtid, begin);
    if (this.#behindAt === null && ordinal > 0 && ordinal >= seenTo) return;
    this.#behindAt = ordinal;
    this.#seenTo = Math.max(this.#seenTo, seenTo);
    if (this.#committed !== null) this.#aim();
  }

  /** The server has executed up to `position`. `isDurable`: a crash of the server cannot undo that. */
  applied(position: Position, { isDurable }: { isDurable: boolean }): void {
    this.#follows = true;
    if (isDurable) this.#applied = position;
    // After the loss of a spool, the new one need not receive again what the server has.
    if (this.#modules.spool.end.ordinal === 0) this.#skipWhatIsApplied();
    // A position of another history says nothing.
    if (this.#modules.nameOf(position.ordinal) === position.gtid)
      this.#modules.note(Math.max(position.ordinal, this.#target ?? 0));
    if (this.#behindAt === null) return;
    this.#behindAt = position.ordinal;
    if (this.#target !== null && position.ordinal >= this.#target) this.#isWhole();
  }

  /**
   * The primary has refused the link because its log begins after the end of the spool. Then the spool must begin at the
   * position of the server's own data, or the server must be filled from another node. A server that is being started is
   * waited for.
   */
  logPurged(reason: string): void {
    const { seeding, spool } = this.#modules;
    if (!this.#follows || seeding.isRunning || this.#isRestarting || this.#skipWhatIsApplied()) return;
    seeding.need({
      cause: 'behind-log',
      reason,
      closes: false,
      trouble: `behind-log at ${spool.end.ordinal}`,
    });
  }

  dataReplaced(): void {
    this.#forget();
    this.#isWhole();
  }

  #forget(): void {
    this.#applied = ORIGIN;
    this.#follows = false;
  }

  #isWhole(): void {
    this.#behindAt = null;
    this.#seenTo = 0;
    this.#target = null;
  }

  #aim(): void {
    const { seeding, spool } = this.#modules;
    const target = Math.max(this.#target ?? 0, this.#committed ?? 0, spool.committed(), this.#seenTo);
    if (target === this.#target) return;
    this.#target = target;
    const at = this.#behindAt ?? 0;
    if (target - at <= REPLAY_MAX || seeding.isRunning) return;
    seeding.need({
      cause: 'data-missing',
      reason: `${this.#why} It has ${at} transactions, and the cluster has ${target}.`,
      closes: true,
      trouble: `data-missing at ${at}, cluster at ${target}`,
    });
  }

  /**
   * Restarts the spool at the server's position, if the spool ends before it. Transactions that the server has executed durably
   * need not be received again, once they are certainly committed in this epoch, on the same chain (rules E3, E12).
   */
  #skipWhatIsApplied(): boolean {
    const { spool, seeding, nameOf, restartSpool, logger } = this.#modules;
    const position = this.#applied;
    const isAhead = position.ordinal > spool.end.ordinal;
    const isCommitted = this.#committed !== null && this.#committed >= position.ordinal;
    if (!isAhead || !isCommitted || this.#isRestarting || seeding.isRunning) return false;
    if (nameOf(position.ordinal) !== position.gtid) return false;
    this.#isRestarting = true;
    logger.warn({ position, spoolEnd: spool.end }, 'the spool is restarted at the position of the server');
    restartSpool(position)
      .catch((error: unknown) => logger.warn({ reason: messageOf(error) }, 'the spool was not restarted'))
      .finally(() => {
        this.#isRestarting = false;
      });
    return true;
  }

  #missing(ordinal: number, gtid: string, begin: number): SkeinError {
    const { seeding, spool } = this.#modules;
    const reason = `The server is at ${gtid || 'the beginning'}, but the spool begins at number ${begin}. So the data directory was lost or replaced by an older one.`;
    // A seed that is under way already replaces the data.
    const refused = seeding.isRunning
      ? null
      : seeding.need({
          cause: 'data-missing',
          reason,
          closes: true,
          // A node that has followed the cluster since it was filled was helped by that.
          trouble: `data-missing at ${ordinal}, spool ${begin} to ${spool.end.ordinal}`,
        });
    return new SkeinError('DATA_MISSING', refused === null ? reason : `${reason} ${refused}`);
  }
}

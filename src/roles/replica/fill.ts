import { messageOf, SkeinError } from '../../model/error.js';
import { ORIGIN, type Position } from '../../model/position.js';
import type { Spool } from '../../spool/spool.js';
import type { Logger } from '../../std/logger.js';
import type { Seeding } from '../role-node.js';

/**
 * A new server is filled by the log when that is short, and else from another node. With a longer history a snapshot is
 * faster: a replica applies some thousand transactions a second.
 */
const REPLAY_MAX = 20_000;

export interface FillModules {
  readonly logger: Logger;
  readonly seeding: Pick<Seeding, 'need' | 'isRunning'>;
  readonly spool: Pick<Spool, 'begin' | 'end'>;
  /** In the history that this node follows. */
  nameOf(ordinal: number): string;
  /** The spool goes on after this position, which the server's data covers. */
  restartSpool(position: Position): Promise<void>;
}

/** Whether the data of a replica's server and its spool, as they are found, can be brought up to date by the log. */
export class Fill {
  readonly #modules: FillModules;
  /** Ordinal that the primary of the present epoch has called committed. */
  #committed: number | null = null;
  /** The server was made anew, and has executed up to here; null = it has all that it once had. */
  #newAt: number | null = null;
  /** What a new server has to reach before it may be read. */
  #target: number | null = null;
  /** Durably executed by a server that follows. */
  #applied: Position = ORIGIN;
  #isRestarting = false;
  /** The server has been taken over, and where it stands is known. */
  #follows = false;

  constructor(modules: FillModules) {
    this.#modules = modules;
  }

  get committed(): number | null {
    return this.#committed;
  }

  get closed(): string | null {
    if (this.#newAt === null) return null;
    const of = this.#target === null ? '' : ` of ${this.#target}`;
    return `The server of this replica is new: it is filled from the log, and has ${this.#newAt}${of} transactions.`;
  }

  welcomed({ committedOrdinal }: { committedOrdinal: number }): void {
    this.#committed = committedOrdinal;
    if (this.#newAt !== null) this.#aim();
  }

  heard(committedOrdinal: number): void {
    if (this.#committed !== null && committedOrdinal > this.#committed) this.#committed = committedOrdinal;
  }

  /** The server was started, and stands there. @throws SkeinError DATA_MISSING: it cannot follow */
  looked({ ordinal, gtid }: Position): void {
    this.#forget();
    const { begin } = this.#modules.spool;
    if (ordinal + 1 < begin) throw this.#missing(ordinal, gtid, begin);
    if (ordinal > 0 || this.#newAt !== null) return;
    this.#newAt = 0;
    if (this.#committed !== null) this.#aim();
  }

  /** `isDurable`: a crash of the server does not take it back. */
  applied(position: Position, { isDurable }: { isDurable: boolean }): void {
    this.#follows = true;
    if (isDurable) this.#applied = position;
    // A spool that was lost need not get again what the server has.
    if (this.#modules.spool.end.ordinal === 0) this.#skipWhatIsApplied();
    if (this.#newAt === null) return;
    this.#newAt = position.ordinal;
    if (this.#target !== null && position.ordinal >= this.#target) this.#isWhole();
  }

  /**
   * The primary's log begins behind the end of the spool, which it says at each dial: only the server's own data, or another's,
   * leads on. A server that is being started is waited for.
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
    this.#newAt = null;
    this.#target = null;
  }

  #aim(): void {
    const { seeding } = this.#modules;
    this.#target ??= this.#committed;
    const missing = (this.#target ?? 0) - (this.#newAt ?? 0);
    if (missing <= REPLAY_MAX || seeding.isRunning) return;
    seeding.need({
      cause: 'data-missing',
      reason: `Its server is empty, and the cluster has ${this.#target} transactions.`,
      closes: true,
      trouble: `data-missing at 0, cluster at ${this.#target}`,
    });
  }

  /**
   * Begins the spool where the server stands, if it is behind that: what the server has executed durably needs not be received
   * again, once it is certain to be committed in this epoch, on the same chain (rules E3, E12).
   */
  #skipWhatIsApplied(): boolean {
    const { spool, seeding, nameOf, restartSpool, logger } = this.#modules;
    const position = this.#applied;
    const isAhead = position.ordinal > spool.end.ordinal;
    const isCommitted = this.#committed !== null && this.#committed >= position.ordinal;
    if (!isAhead || !isCommitted || this.#isRestarting || seeding.isRunning) return false;
    if (nameOf(position.ordinal) !== position.gtid) return false;
    this.#isRestarting = true;
    logger.warn({ position, spoolEnd: spool.end }, 'the spool begins anew where the server stands');
    restartSpool(position)
      .catch((error: unknown) => logger.warn({ reason: messageOf(error) }, 'the spool was not begun anew'))
      .finally(() => {
        this.#isRestarting = false;
      });
    return true;
  }

  #missing(ordinal: number, gtid: string, begin: number): SkeinError {
    const { seeding } = this.#modules;
    const reason = `Its server stands at ${gtid || 'the beginning'}, and its spool begins at number ${begin}: the data directory was lost or replaced by an older one.`;
    // What is being filled is brought there.
    const refused = seeding.isRunning
      ? null
      : seeding.need({
          cause: 'data-missing',
          reason,
          closes: true,
          trouble: `data-missing at ${ordinal}, spool from ${begin}`,
        });
    return new SkeinError('DATA_MISSING', refused === null ? reason : `${reason} ${refused}`);
  }
}

import type { EventLog } from '../../events/event-log.js';
import { messageOf } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import type { LocalControl, ServerReading } from '../local-server.js';
import type { XaRecovery } from '../xa-recovery.js';
import type { LogEndFile } from './log-end-file.js';
import type { ReplicaSet } from './replica-set.js';

export interface PrimaryChecksModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly logEndFile: LogEndFile;
  readonly xa: XaRecovery;
  readonly replicas: ReplicaSet;
  control(): LocalControl;
  positionAt(ordinal: number): Position;
  /** The server is killed (rule C1). */
  fence(why: string): void;
  /** Whether the server's own log counts has changed. */
  quorumChanged(): void;
}

/** What a primary's server says of itself at each heartbeat, and what follows from it (rules C1, C3, M9). */
export class PrimaryChecks {
  readonly #options: { node: string; acknowledge: AcknowledgeLevel };
  readonly #modules: PrimaryChecksModules;
  #unacknowledged: number | null = null;
  #strangers = false;
  #waitingCommits = 0;

  constructor(options: { node: string; acknowledge: AcknowledgeLevel }, modules: PrimaryChecksModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Commits that wait for their acknowledgement, as the server last said. */
  get waitingCommits(): number {
    return this.#waitingCommits;
  }

  /** Read before anything is served: a kill of the first commit that waits is noticed too. */
  begin(reading: ServerReading): void {
    this.#unacknowledged = reading.semiSync.noTx;
  }

  end(): void {
    this.#unacknowledged = null;
    this.#strangers = false;
    this.#waitingCommits = 0;
  }

  /** `received`: ordinal up to which the log was read. */
  look(reading: ServerReading, { isOpen, received }: { isOpen: boolean; received: number }): void {
    const { logEndFile, replicas } = this.#modules;
    if (isOpen) logEndFile.note(Math.min(replicas.quorum.committed, received));
    this.#waitingCommits = reading.semiSync.waitSessions;
    this.#countSelf(reading);
    this.#stopGathering(reading);
    if (!isOpen || this.#options.acknowledge === 'async') return;
    this.#advanceXa();
    if (this.#isFenced(reading)) return;
    this.#countUnacknowledged(reading.semiSync.noTx);
  }

  /** It was a replica, where commits gather (CommitGathering): here clients wait for them. */
  #stopGathering({ commitsGather }: ServerReading): void {
    if (commitsGather !== true) return;
    this.#modules
      .control()
      .gatherCommits(false)
      .catch((error: unknown) => {
        this.#modules.logger.warn({ reason: messageOf(error) }, 'commits still gather');
      });
  }

  /** With `async` no commit waits for the quorum, so no agreement of log and engine is known. */
  #advanceXa(): void {
    const { xa, positionAt, replicas, logger } = this.#modules;
    xa.advance(positionAt(replicas.quorum.answered), monotonicMs()).catch((error: unknown) =>
      logger.warn(
        { reason: messageOf(error) },
        'the position up to which log and engine agree was not recorded',
      ),
    );
  }

  #isFenced({ semiSync: { enabled, clients } }: ServerReading): boolean {
    const { fence } = this.#modules;
    if (!enabled) {
      fence(
        'semi-synchronous replication was switched off on the server: commits were answered without the quorum',
      );
      return true;
    }
    // Twice in a row: a twin of our own dump needs a moment to end.
    if (clients > 1 && this.#strangers) {
      fence(
        `${clients} clients are registered for semi-synchronous replication. Only Skein may be: any other client could acknowledge commits`,
      );
      return true;
    }
    this.#strangers = clients > 1;
    return false;
  }

  #countUnacknowledged(noTx: number): void {
    const { events } = this.#modules;
    const before = this.#unacknowledged;
    if (before !== null && noTx > before) {
      events.add(
        'commit.unacknowledged',
        this.#options.node,
        `${noTx - before} commit(s) were answered by the server without their quorum (a waiting session was killed).`,
        { count: noTx - before },
      );
    }
    this.#unacknowledged = noTx;
  }

  /** A log that may lose what it wrote at a power cut is no copy (rule M9): then one more replica is needed. */
  #countSelf({ syncBinlog, flushAtTrxCommit }: ServerReading): void {
    const { replicas, logger, quorumChanged } = this.#modules;
    const counts = syncBinlog === 1 && flushAtTrxCommit === 1;
    if (!replicas.quorum.setSelfCounts(counts)) return;
    const text = counts
      ? "the server's own log counts again"
      : "the server's own log does not count any more";
    logger.warn({ syncBinlog, flushAtTrxCommit }, text);
    replicas.moved();
    quorumChanged();
  }
}

import type { EventLog } from '../../events/event-log.js';
import { messageOf } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import type { LocalControl, ServerReading } from '../local-server.js';
import type { LogEndFile } from '../log-end-file.js';
import type { XaRecovery } from '../xa-recovery.js';
import type { ReplicaSet } from './replica-set.js';

export interface PrimaryChecksModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly logEndFile: LogEndFile;
  readonly xa: XaRecovery;
  readonly replicas: ReplicaSet;
  control(): LocalControl;
  positionAt(ordinal: number): Position;
  /** Kills the server (rule C1). */
  fence(why: string): void;
  /** The server's own log counts in the quorum now, or no longer counts. */
  quorumChanged(): void;
}

/** Checks the status of a primary's server at each heartbeat, and acts on it (rules C1, C3, M9). */
export class PrimaryChecks {
  readonly #options: { node: string; acknowledge: AcknowledgeLevel };
  readonly #modules: PrimaryChecksModules;
  #unacknowledged: number | null = null;
  #hadOtherClients = false;
  #waitingCommits = 0;

  constructor(options: { node: string; acknowledge: AcknowledgeLevel }, modules: PrimaryChecksModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Number of commits that wait for their acknowledgement, by the last status of the server. */
  get waitingCommits(): number {
    return this.#waitingCommits;
  }

  /** Called before the primary opens, so that even a kill of the first waiting commit is noticed. */
  begin(reading: ServerReading): void {
    this.#unacknowledged = reading.semiSync.noTx;
  }

  end(): void {
    this.#unacknowledged = null;
    this.#hadOtherClients = false;
    this.#waitingCommits = 0;
  }

  /** `received`: ordinal up to which the log was read. */
  look(reading: ServerReading, { isOpen, received }: { isOpen: boolean; received: number }): void {
    const { logEndFile, replicas } = this.#modules;
    if (isOpen) logEndFile.note(Math.min(replicas.quorum.committed, received));
    this.#waitingCommits = reading.semiSync.waitSessions;
    this.#countSelf(reading);
    this.#stopBatching(reading);
    if (!isOpen || this.#options.acknowledge === 'async') return;
    this.#advanceXa();
    if (this.#isFenced(reading)) return;
    this.#countUnacknowledged(reading.semiSync.noTx);
  }

  /** The server of a former replica may still batch its commits (CommitBatching). On a primary clients wait for them. */
  #stopBatching({ batchesCommits }: ServerReading): void {
    if (batchesCommits !== true) return;
    this.#modules
      .control()
      .batchCommits(false)
      .catch((error: unknown) => {
        this.#modules.logger.warn({ reason: messageOf(error) }, 'the batching of commits was not turned off');
      });
  }

  /** Not called with `async`: then no commit waits for the quorum, so the agreement of log and engine is not known. */
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
    // Twice in a row, because an older connection of our own dump needs a moment to end.
    if (clients > 1 && this.#hadOtherClients) {
      fence(
        `${clients} clients are registered for semi-synchronous replication. Only Skein may be: any other client could acknowledge commits`,
      );
      return true;
    }
    this.#hadOtherClients = clients > 1;
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

  /** A log that may lose writes at a power cut does not count as a copy (rule M9). Then one more replica is needed. */
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

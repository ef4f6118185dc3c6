import type { EventLog } from '../../events/event-log.js';
import { messageOf } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import type { Spool } from '../../spool/spool.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import { isDurable, type LocalControl, type ServerReading } from '../local-server.js';
import type { LogEndFile } from '../log-end-file.js';
import type { OpenMark } from '../open-mark.js';
import type { XaRecovery } from '../xa-recovery.js';
import type { ReplicaSet } from './replica-set.js';

/** Pause between two purges of the spool, as on a replica. */
const PURGE_MS = 5_000;

/** No acknowledged write is lost then: the spools have it. But the server's log would no longer be the cluster's. */
const NOT_DURABLE =
  'The server does not sync each commit (sync_binlog, innodb_flush_log_at_trx_commit). After a power cut it may lack transactions that the cluster has. The primary would then stay closed until its data directory is restored. Set both variables to 1.';

export interface PrimaryChecksModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly logEndFile: LogEndFile;
  readonly xa: XaRecovery;
  readonly spool: Pick<Spool, 'purge' | 'committed' | 'durable'>;
  readonly replicas: ReplicaSet;
  readonly openMark: Pick<OpenMark, 'doubtful'>;
  control(): LocalControl;
  positionAt(ordinal: number): Position;
  /** Kills the server (rule C1). */
  fence(why: string): void;
  /** `warnings` has changed. */
  changed(): void;
}

/** Checks the status of a primary's server at each heartbeat, and acts on it (rules C1, C3, H12, M9). */
export class PrimaryChecks {
  readonly #options: { node: string; acknowledge: AcknowledgeLevel };
  readonly #modules: PrimaryChecksModules;
  #unacknowledged: number | null = null;
  #hadOtherClients = false;
  #waitingCommits = 0;
  #isDurable = true;
  #purgedAtMs = 0;
  /** What was committed at the last look for something to purge. */
  #purgeBelow = 0;

  constructor(options: { node: string; acknowledge: AcknowledgeLevel }, modules: PrimaryChecksModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Number of commits that wait for their acknowledgement, by the last status of the server. */
  get waitingCommits(): number {
    return this.#waitingCommits;
  }

  /** For the status document. */
  get warnings(): string[] {
    return this.#isDurable ? [] : [NOT_DURABLE];
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
    this.#noteDurability(isDurable(reading));
    // A server that is not open may lack what the spool has (rule E3).
    if (isOpen) this.#purgeSpool();
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

  /**
   * Drops what is committed, but nothing that the server may lose in a power cut (rule H12), nor what a recovery as a replica may
   * take back out of it (rule C5): the engine commits only after the quorum has a transaction, and syncs that within a second.
   */
  #purgeSpool(): void {
    const { spool, logger } = this.#modules;
    const now = monotonicMs();
    if (!this.#isDurable || now - this.#purgedAtMs <= PURGE_MS) return;
    this.#purgedAtMs = now;
    const below = this.#purgeBelow;
    this.#purgeBelow = Math.min(spool.committed(), spool.durable.ordinal) + 1;
    if (below === 0) return;
    spool.purge(below).catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, 'purging the spool failed');
    });
  }

  #noteDurability(durable: boolean): void {
    if (durable === this.#isDurable) return;
    const { events, logger, changed, openMark } = this.#modules;
    this.#isDurable = durable;
    if (durable) logger.info({}, 'the server syncs each commit again');
    else {
      events.add('replication.error', this.#options.node, NOT_DURABLE, { code: 'SERVER_NOT_DURABLE' });
      openMark.doubtful('it did not sync each commit').catch((error: unknown) => {
        logger.warn({ reason: messageOf(error) }, 'that the server does not sync was not noted');
      });
    }
    changed();
  }
}

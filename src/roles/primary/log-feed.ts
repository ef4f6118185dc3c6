import type { EventLog } from '../../events/event-log.js';
import { isSkeinError, messageOf, SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { RecordBatch } from '../../model/records.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import { LogPlaces } from '../../source/log-places.js';
import { isNotInLog } from '../../source/log-purged.js';
import type { Source } from '../../source/source.js';
import type { Logger } from '../../std/logger.js';
import { backoffMs, sleep } from '../../std/timing.js';
import { DdlTrail } from '../../verify/ddl-trail.js';
import type { CommitWait } from './commit-wait.js';
import type { LogDumps } from './log-dumps.js';
import type { OwnLog } from './own-log.js';
import type { ReplicaSet } from './replica-set.js';

export interface LogFeedOptions {
  readonly node: string;
  readonly acknowledge: AcknowledgeLevel;
}

export interface LogFeedModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly dumps: LogDumps;
  readonly commitWait: CommitWait;
  readonly replicas: () => ReplicaSet;
  /** This node's copy of the log: takes each batch, as the replicas do. */
  readonly ownLog: () => Pick<OwnLog, 'end' | 'take'>;
  /** The position of the group with this ordinal. */
  positionAt(ordinal: number): Position;
  /** The log has this statement; '' = its text is not known. */
  statement(text: string, database: string): void;
  /** Reading the log has stopped until an operator has done something. */
  stopped(reason: string): void;
  /** The server answers, and sends its log to nobody: it has to be killed. */
  hung(reason: string): void;
}

const REDIAL_FIRST_MS = 100;
const REDIAL_MAX_MS = 2_000;
/** Duration of a dump after which the back-off of the next attempt is reset. */
const GOOD_DUMP_MS = 5_000;
/**
 * Dumps in a row that sent nothing at all. One may be slow to find its place in a large log, or wait for a dump before it that does not
 * end; the next one has another server id, which wakes the server then (docs/mariadb-findings.md, "A dump that is killed as it begins").
 */
const SILENT_DUMPS_MAX = 2;
/** Errors that would end every further attempt. They need an operator. */
const FATAL = new Set([
  'UNKNOWN_EVENT',
  'UNEXPECTED_EVENT',
  'FOREIGN_TRANSACTION',
  'NO_BINLOG_CHECKSUM',
  'SOURCE_FAILED',
  // The server's log does not continue what this node's spool has.
  'SPOOL_DIVERGED',
  'SPOOL_GAP',
]);

/** Reads the local server's log: by one semi-sync dump for all replicas. */
export class LogFeed {
  readonly #options: LogFeedOptions;
  readonly #modules: LogFeedModules;
  #source: Source | null = null;
  /** Bytes of records made from the log since the role began. */
  bytesRead = 0;
  /** Log places of the latest groups. */
  readonly places = new LogPlaces();
  /** The latest DDL in the log. */
  readonly trail = new DdlTrail();

  constructor(options: LogFeedOptions, modules: LogFeedModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Ordinal of the last group that was read. */
  get received(): number {
    return this.#source?.received ?? 0;
  }

  /** The server may answer its waiting commits up to this ordinal. */
  acknowledge(ordinal: number): void {
    if (this.#options.acknowledge !== 'async') this.#source?.acknowledge(ordinal);
  }

  /** A request waits for a position, so the log is read without waiting for a batch. */
  readNow(): void {
    this.#source?.readNow();
  }

  /** The hub or the spool has room again. The source pauses again when the other one is still full. */
  resume(): void {
    this.#source?.resume();
  }

  stop(): void {
    this.#source?.stop();
    this.#source = null;
  }

  /** Keeps the semi-sync dump running until the signal. */
  run(signal: AbortSignal): void {
    this.#keepReading(signal).catch((error: unknown) => {
      if (!signal.aborted)
        this.#modules.logger.error(
          { reason: messageOf(error) },
          'reading the binary log ended with an unexpected error',
        );
    });
  }

  async #keepReading(signal: AbortSignal): Promise<void> {
    const { events, stopped, hung } = this.#modules;
    let isPurged = false;
    let silentDumps = 0;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const started = performance.now();
      const error = await this.#runSource(signal, { isPurged, otherId: silentDumps > 0 });
      if (signal.aborted) return;
      isPurged = !isPurged && isNotInLog(error);
      if (FATAL.has(error.code)) {
        events.add('replication.error', this.#options.node, error.message, {
          code: error.code,
          ...error.data,
        });
        stopped(error.message);
        return;
      }
      silentDumps = error.code === 'DUMP_SILENT' ? silentDumps + 1 : 0;
      if (silentDumps === SILENT_DUMPS_MAX) {
        hung(`${silentDumps} dumps of its binary log sent nothing`);
        return;
      }
      if (performance.now() - started > GOOD_DUMP_MS) attempt = 0;
      await sleep(backoffMs(attempt, REDIAL_FIRST_MS, REDIAL_MAX_MS), signal);
    }
  }

  /**
   * Runs one dump until it ends. The dump starts one group before the position that the quorum is known to have: the start of
   * a dump acknowledges all earlier log files, and the server asks for the acknowledgement of a waiting group only when it
   * sends that group (rule C2). `isPurged`: the server no longer has that group. Then its log begins after the quorum's position, and a dump that starts there acknowledges no more than the
   * quorum has. The voters of now may have less than what was committed in an earlier epoch (a spool was set back): then the
   * dump starts at that, and they are filled.
   */
  async #runSource(
    signal: AbortSignal,
    { isPurged, otherId }: { isPurged: boolean; otherId: boolean },
  ): Promise<SkeinError> {
    const { commitWait, dumps, positionAt, statement } = this.#modules;
    const replicas = this.#modules.replicas();
    const isAsync = this.#options.acknowledge === 'async';
    const known = replicas.quorum.answered;
    const again = isAsync ? known : Math.max(0, known - 1);
    const wanted = isPurged ? Math.max(known, replicas.quorum.committed) : again;
    const ownLog = this.#modules.ownLog();
    // What only a catch-up dump has read is not in the spool of this node yet.
    const after = positionAt(Math.min(wanted, ownLog.end.ordinal));
    const take = (batch: RecordBatch) => {
      replicas.quorum.setReceived(batch.completeOrdinal);
      this.bytesRead += batch.bytes.length;
      commitWait.read(batch.completeOrdinal);
      // The replicas first: they write at the same time as this node, and their answer has to travel.
      const replicasGoOn = replicas.hub.append(batch);
      const ownGoesOn = ownLog.take(batch);
      // Then everything that was read counts as answered.
      if (isAsync) replicas.moved();
      return replicasGoOn && ownGoesOn;
    };
    const source = dumps.dump(after, { semiSync: !isAsync, batched: isAsync, otherId }, take, {
      statement: (text, database, ordinal) => {
        this.trail.note(ordinal, text);
        statement(text, database);
      },
      groupRead: (ordinal, file, position) => this.places.note(ordinal, file, position),
    });
    source.acknowledge(known);
    replicas.hub.begin(after.ordinal);
    commitWait.begin(known);
    this.#source = source;
    let over = () => {};
    const ended = new Promise<SkeinError>((resolve) => {
      source.onEnded.on(resolve);
      over = () => resolve(new SkeinError('ROLE_ENDED', 'The role ended.'));
    });
    signal.addEventListener('abort', over);
    try {
      await source.start();
      return await ended;
    } catch (error) {
      return isSkeinError(error)
        ? error
        : new SkeinError('DUMP_UNREACHABLE', messageOf(error), { cause: error });
    } finally {
      signal.removeEventListener('abort', over);
    }
  }
}

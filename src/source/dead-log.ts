import type { FileHandle } from 'node:fs/promises';
import type { LogFlavour } from '../flavour/flavour.js';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import { HEADER_AT } from '../mysql-protocol/events.js';
import { GroupAssembler } from './group-assembler.js';
import { type GroupSpan, GroupSurvey } from './group-survey.js';
import type { LogFileSink } from './log-file-events.js';
import { type LogFileHead, readLogFileHead } from './log-file-head.js';
import { headOf, inLogFile, logFileNames, walkLogFile } from './log-file-reader.js';
import type { SourceModules } from './source.js';

/**
 * Reads the binary log of a server whose process has ended, from its files: the groups that a dump would have sent next. Only
 * whole groups are passed on. What a server that was killed had not finished writing was never acknowledged, and is left out.
 */
export interface DeadLogOptions {
  /** The server's data directory. */
  readonly dataDir: string;
  /** The last group that the reader's owner has. */
  readonly after: Position;
  /** As in `SourceOptions`. */
  readonly annotated?: boolean;
  readonly signal?: AbortSignal;
}

export interface DeadLogModules extends Pick<SourceModules, 'flavour' | 'chain' | 'batch' | 'statement'> {
  /** Resolves when a batch may be given again, after `batch` has answered false. */
  drained(): Promise<void>;
}

export interface DeadLogEnd {
  /** Ordinal of the last group that was passed on; that of `after` when there was none. */
  readonly ordinal: number;
  /**
   * Why the log was not read to its end; what comes before this place was passed on. Null: it was read to its end.
   * SkeinError LOG_DAMAGED, LOG_ENCRYPTED, LOG_DIFFERS, LOG_PLACE_GONE, LOG_UNREADABLE, UNKNOWN_EVENT, UNEXPECTED_EVENT,
   * FOREIGN_TRANSACTION, NO_BINLOG_CHECKSUM
   */
  readonly stopped: SkeinError | null;
}

/** Rejects only with the signal's reason. */
export async function readDeadLog(options: DeadLogOptions, modules: DeadLogModules): Promise<DeadLogEnd> {
  const reader = new DeadLogReader(options, modules);
  let stopped: SkeinError | null = null;
  try {
    await reader.read();
  } catch (error) {
    options.signal?.throwIfAborted();
    stopped = named(error);
  }
  return { ordinal: reader.ordinal, stopped };
}

class DeadLogReader {
  readonly #options: DeadLogOptions;
  readonly #modules: DeadLogModules;
  readonly #assembler: GroupAssembler;
  #isFull = false;
  ordinal: number;

  constructor(options: DeadLogOptions, modules: DeadLogModules) {
    const { flavour, chain, statement } = modules;
    const { ordinal, gtid } = options.after;
    this.#options = options;
    this.#modules = modules;
    this.ordinal = ordinal;
    this.#assembler = new GroupAssembler(
      { ordinal, gtid: flavour.gtidBinary(gtid) },
      {
        ...{ flavour, chain, wallClockMs: Date.now },
        batch: (batch) => {
          this.ordinal = batch.completeOrdinal;
          if (!modules.batch(batch)) this.#isFull = true;
        },
        ...(statement && { statement }),
        ackWanted: () => {},
        ended: () => {},
      },
    );
  }

  async read(): Promise<void> {
    const { dataDir } = this.#options;
    const names = await logFileNames(dataDir);
    const first = await this.#firstFile(names);
    for (const name of names.slice(names.indexOf(first))) {
      await inLogFile(dataDir, name, (file) => this.#readFile(file));
    }
  }

  /** The newest file that begins at the position or before it. A head that does not tell is judged when it is read. */
  async #firstFile(names: readonly string[]): Promise<string> {
    const { dataDir, after } = this.#options;
    const { flavour } = this.#modules;
    let unclear: string | null = null;
    for (const name of names.toReversed()) {
      const head = await headOf(dataDir, name, flavour);
      if (head !== null && head.begin <= after.ordinal) return name;
      unclear = head === null ? name : null;
    }
    if (unclear !== null) return unclear;
    throw new SkeinError(
      'LOG_PLACE_GONE',
      `The server's binary log begins after transaction ${after.ordinal}, so what follows it cannot be told.`,
    );
  }

  /**
   * Reads the file twice: first to find where its last whole group ends, then to pass the groups on. So no part of an unfinished
   * group, however large, is passed on. A server may have died before this one too, so any file may end in the middle of an event.
   */
  async #readFile(file: FileHandle): Promise<void> {
    const { flavour } = this.#modules;
    const { after, signal } = this.#options;
    const head = await readLogFileHead(file, flavour);
    if (head === null) return;
    const survey = new GroupSurvey(flavour, { begin: head.begin, after });
    let fault: unknown = null;
    try {
      await walkLogFile(file, { from: head.end, to: Number.POSITIVE_INFINITY }, survey, { signal });
    } catch (error) {
      fault = error;
    }
    if (survey.span) await this.#pass(file, head, survey.span);
    if (fault !== null) throw fault;
  }

  async #pass(file: FileHandle, head: LogFileHead, span: GroupSpan): Promise<void> {
    const { annotated = false, signal } = this.#options;
    const { flavour } = this.#modules;
    const assembler = this.#assembler;
    assembler.event(head.format, false);
    try {
      await walkLogFile(file, span, asDump(assembler, { annotated, flavour }), {
        signal,
        chunkRead: () => this.#flush(),
      });
    } finally {
      assembler.flush();
    }
  }

  async #flush(): Promise<void> {
    this.#assembler.flush();
    if (this.#isFull) await this.#modules.drained();
    this.#isFull = false;
  }
}

/** A dump leaves out the texts of statements that changed rows, unless its client asks for them. */
function asDump(
  assembler: GroupAssembler,
  { annotated, flavour }: { annotated: boolean; flavour: LogFlavour },
): LogFileSink {
  const isLeftOut = (event: Buffer) => !annotated && flavour.isAnnotation(event[HEADER_AT.type] ?? 0);
  let leavesOut = false;
  return {
    event(event) {
      if (!isLeftOut(event)) assembler.event(event, false);
    },
    largeEvent(head) {
      leavesOut = isLeftOut(head);
      if (!leavesOut) assembler.largeEvent(head, false);
    },
    largeEventPart(bytes) {
      if (!leavesOut) assembler.largeEventPart(bytes);
    },
    largeEventEnd() {
      if (!leavesOut) assembler.largeEventEnd();
    },
  };
}

function named(error: unknown): SkeinError {
  if (isSkeinError(error)) return error;
  return new SkeinError('LOG_UNREADABLE', `The server's binary log cannot be read: ${messageOf(error)}.`, {
    cause: error,
  });
}

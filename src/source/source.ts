import type { Socket } from 'node:net';
import type { DumpRefusal, LogFlavour } from '../flavour/flavour.js';
import type { Chain } from '../model/chain.js';
import { isSkeinError, messageOf, SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import type { RecordBatch } from '../model/records.js';
import { packet } from '../mysql-protocol/packets.js';
import { type Clock, systemClock, type Timer } from '../std/clock.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import { DUMP_READ_BYTES, type DumpTarget, openDump } from './dump-connection.js';
import { EventStream } from './event-stream.js';
import { GroupAssembler } from './group-assembler.js';

/**
 * Reads the local server's binary log as records, starting after one position. With `semiSync` it is the server's only
 * semi-sync replica and acknowledges the waiting commits. Without, it serves one replica that must catch up. One Source is
 * one dump connection. When it ends, its owner decides where the next one starts (rule C2).
 */
export interface SourceOptions {
  target: DumpTarget;
  /** Our server id as a replication client. It differs for every dump connection. */
  serverId: number;
  after: Position;
  semiSync: boolean;
  /** See `DumpOptions`. */
  annotated?: boolean;
  /** No commit waits for the log (`async`), so a growing log is read every few milliseconds (see `readNow`). */
  batched?: boolean;
}

export interface SourceModules {
  flavour: LogFlavour;
  logger: Logger;
  chain(): Chain;
  /** Takes a batch. False = the source must pause until `resume`. */
  batch(batch: RecordBatch): boolean;
  /** The log has this statement, executed in this database; '' = its text is not known. Called while a batch is read. */
  statement?(text: string, database: string, ordinal: number): void;
  /** A complete group was read. It ends at this place of the server's log. */
  groupRead?(ordinal: number, file: string, position: number): void;
  clock?: Clock;
}

/** The server sends heartbeats while idle. After three intervals without a byte the dump counts as dead. */
const HEARTBEAT_MS = 5_000;
const SILENCE_MAX_MS = 3 * HEARTBEAT_MS;
/**
 * While commits wait for the quorum, the source does not read the socket. It reads all that the server has logged when
 * those commits are confirmed, or after this time. So many transactions share one wake-up, frame and fsync, as in a group
 * commit. A single client's commit is not delayed.
 */
const COMMIT_WAIT_MS = 1;
/** Batched reading: wait this long before a read when the previous read is less than BATCH_FLOW_MS ago. */
const BATCH_WAIT_MS = 10;
const BATCH_FLOW_MS = 20;

interface Waiting {
  ordinal: number;
  file: string;
  position: number;
}

export class Source {
  readonly #options: SourceOptions;
  readonly #modules: SourceModules;
  readonly #clock: Clock;
  #socket: Socket | null = null;
  #paused = false;
  #batchTimer: Timer | null = null;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** Waiting commits in the order of the log. The acknowledgement of one acknowledges all before it. */
  #waiting: Waiting[] = [];
  #acknowledged = 0;
  #received: number;
  #ended = false;
  #hasSent = false;
  /**
   * Why the dump ended: SkeinError UNKNOWN_EVENT, FOREIGN_TRANSACTION, DUMP_ENDED, DUMP_SILENT (it never sent anything) and others. Emitted once, never after
   * stop().
   */
  readonly onEnded = new Emitter<SkeinError>();

  constructor(options: SourceOptions, modules: SourceModules) {
    this.#options = options;
    this.#modules = modules;
    this.#clock = modules.clock ?? systemClock;
    this.#received = options.after.ordinal;
  }

  /** Ordinal of the last complete group that was read. */
  get received(): number {
    return this.#received;
  }

  /** Number of commits that were read and wait for their acknowledgement. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws SkeinError DUMP_REFUSED, DUMP_UNREACHABLE, DUMP_ENDED */
  async start(): Promise<void> {
    const { target, serverId, after, semiSync, annotated = false } = this.#options;
    const { flavour, logger, chain } = this.#modules;
    const started = performance.now();
    const conversation = flavour.dumpConversation({
      serverId,
      after,
      chain: chain(),
      semiSync,
      heartbeatMs: HEARTBEAT_MS,
      annotated,
    });
    const assembler = this.#assembler();
    const stream = new EventStream({ semiSync }, assembler);
    const take = (chunk: Buffer) => {
      this.#hasSent = true;
      try {
        stream.push(chunk);
        assembler.flush();
        // A read that filled its buffer shows that more is there already, so the next read need not wait for a batch.
        if (chunk.length < DUMP_READ_BYTES) this.#beginBatch();
      } catch (error) {
        this.#end(asSkeinError(error));
      }
    };
    const { socket, rest } = await openDump(target, conversation, take);
    if (this.#ended) {
      socket.destroy();
      return;
    }
    // The server may have died since its last answer. Then the socket emits no further event.
    if (socket.destroyed) throw ended('the connection was closed');
    this.#socket = socket;
    socket.setTimeout(SILENCE_MAX_MS, () => {
      if (!this.#paused) this.#end(this.#silent());
    });
    socket.on('error', (error) => this.#end(ended(error.message)));
    socket.on('close', () => this.#end(ended('the connection was closed')));
    if (rest.length > 0) take(rest);
    this.#flow();
    logger.info(
      {
        after: after.gtid,
        ordinal: after.ordinal,
        semiSync,
        serverId,
        durationMs: Math.round(performance.now() - started),
      },
      'reading the binary log',
    );
  }

  /** A server that can read its log sends the name of a file at once. */
  #silent(): SkeinError {
    if (this.#hasSent) return ended(`it sent nothing for ${SILENCE_MAX_MS} ms`);
    return new SkeinError(
      'DUMP_SILENT',
      `The local server has begun a dump of its binary log, and sent nothing for ${SILENCE_MAX_MS} ms.`,
    );
  }

  #assembler(): GroupAssembler {
    const { flavour, chain } = this.#modules;
    const { after } = this.#options;
    return new GroupAssembler(
      { ordinal: after.ordinal, gtid: flavour.gtidBinary(after.gtid) },
      {
        flavour,
        chain,
        wallClockMs: Date.now,
        batch: (batch) => {
          if (this.#ended) return;
          this.#received = batch.completeOrdinal;
          if (!this.#modules.batch(batch)) this.pause();
        },
        ...(this.#modules.statement && { statement: this.#modules.statement }),
        ...(this.#modules.groupRead && { groupRead: this.#modules.groupRead }),
        ackWanted: (ordinal, file, position) => this.#ackWanted({ ordinal, file, position }),
        ended: (error) => this.#end(ended(`${error.message} (${error.errno})`, flavour.dumpRefusal(error))),
      },
    );
  }

  #ackWanted(waiting: Waiting): void {
    this.#waiting.push(waiting);
    // After a restart of this process, the quorum may have confirmed the commit before the server asked (rule C2).
    if (waiting.ordinal <= this.#acknowledged) this.acknowledge(this.#acknowledged);
  }

  /** The quorum has everything up to `ordinal`, so the server's waiting commits up to there may return. */
  acknowledge(ordinal: number): void {
    if (ordinal > this.#acknowledged) this.#acknowledged = ordinal;
    if (this.#acknowledged >= this.#received) this.#endBatch();
    let last: Waiting | undefined;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (waiting.ordinal > ordinal) break;
      last = waiting;
      count++;
    }
    if (!last || !this.#socket) return;
    this.#waiting.splice(0, count);
    const payload = Buffer.allocUnsafe(9 + Buffer.byteLength(last.file));
    payload[0] = 0xef;
    payload.writeBigUInt64LE(BigInt(last.position), 1);
    payload.write(last.file, 9);
    this.#socket.write(packet(0, payload));
  }

  pause(): void {
    this.#paused = true;
    this.#flow();
  }

  resume(): void {
    this.#paused = false;
    this.#flow();
  }

  /** A request waits for a position that the log has now, so the log is read without a wait for a batch. */
  readNow(): void {
    if (this.#options.batched) this.#endBatch();
  }

  stop(): void {
    this.#ended = true;
    this.#endBatch();
    this.#socket?.destroy();
  }

  #beginBatch(): void {
    if (this.#batchTimer) return;
    const waitMs = this.#options.batched ? this.#batchWaitMs() : this.#commitWaitMs();
    if (waitMs === 0) return;
    this.#batchTimer = this.#clock.setTimer(waitMs, () => this.#endBatch());
    this.#flow();
  }

  #commitWaitMs(): number {
    return this.#waiting.length > 0 && this.#acknowledged < this.#received ? COMMIT_WAIT_MS : 0;
  }

  #batchWaitMs(): number {
    const before = this.#readAtMs;
    this.#readAtMs = this.#clock.nowMs();
    return this.#readAtMs - before < BATCH_FLOW_MS ? BATCH_WAIT_MS : 0;
  }

  #endBatch(): void {
    if (!this.#batchTimer) return;
    this.#clock.clearTimer(this.#batchTimer);
    this.#batchTimer = null;
    this.#flow();
  }

  #flow(): void {
    if (this.#paused || this.#batchTimer) this.#socket?.pause();
    else this.#socket?.resume();
  }

  #end(error: SkeinError): void {
    if (this.#ended) return;
    this.stop();
    this.#modules.logger.warn(
      { code: error.code, reason: error.message, received: this.#received },
      'reading the binary log ended',
    );
    this.onEnded.emit(error);
  }
}

function ended(why: string, refusal: DumpRefusal | null = null): SkeinError {
  return new SkeinError('DUMP_ENDED', `The local server's dump of its binary log ended: ${why}.`, {
    data: { refusal },
  });
}

function asSkeinError(error: unknown): SkeinError {
  if (isSkeinError(error)) return error;
  return new SkeinError('SOURCE_FAILED', `Reading the binary log failed: ${messageOf(error)}.`, {
    cause: error,
  });
}

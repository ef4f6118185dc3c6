import type { Flavour } from '../../flavour/flavour.js';
import { SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import type { RecordBatch } from '../../model/records.js';
import { isLogPurged } from '../../source/log-purged.js';
import type { Spool } from '../../spool/spool.js';
import type { Logger } from '../../std/logger.js';
import { encodeRecord, RECORD_KIND, WHOLE } from '../../wire/record.js';
import { describeDamage } from '../describe-damage.js';
import type { Epochs } from '../epochs.js';
import { spoolBase } from '../spool-base.js';

export interface OwnLogModules {
  readonly logger: Logger;
  readonly flavour: Flavour;
  readonly spool: Spool;
  readonly epochs: Epochs;
  /** Ordinal up to which the log is committed. */
  committed(): number;
  /** A dump of the server's log from a position on. */
  dump(after: Position, batch: (batch: RecordBatch) => boolean): OwnLogDump;
  /** The spool has a new durable end. */
  durable(ordinal: number): void;
  /** The spool can take more. */
  drained(): void;
  /** The spool failed or is damaged: this process must end, because only a new start can tell what is on the disk. */
  failed(error: SkeinError): void;
}

/** What a copy needs of a source. */
export interface OwnLogDump {
  readonly onEnded: { on(listener: (error: SkeinError) => void): () => void };
  start(): Promise<void>;
  resume(): void;
  stop(): void;
}

/** Copying more groups than this would delay the opening. The server's log has them, so the spool then begins at its end. */
const COPY_GROUPS_MAX = 100_000;
const NONE = Buffer.alloc(0);

/**
 * The primary's copy of the cluster's log, in its spool: every batch that is read from the server's log is appended, as a
 * replica does. So the log of every member is its spool, and the server's binary log is only where new groups come from.
 */
export class OwnLog {
  readonly #modules: OwnLogModules;
  readonly #off: (() => void)[];
  /** The last FORMAT event that was appended. */
  #format: Buffer | null = null;

  constructor(modules: OwnLogModules) {
    this.#modules = modules;
    const { spool } = modules;
    this.#off = [
      spool.onDurable.on(({ ordinal }) => modules.durable(ordinal)),
      spool.onDrain.on(() => modules.drained()),
      spool.onFailed.on((error) => modules.failed(error)),
      spool.onDamaged.on(() => modules.failed(new SkeinError('SPOOL_DAMAGED', describeDamage(spool)))),
    ];
  }

  /** The role ends: another one may take the spool. */
  stop(): void {
    for (const off of this.#off) off();
  }

  /** The last group in the spool. */
  get end(): Position {
    return this.#modules.spool.end;
  }

  /** The last group that is on the disk. */
  get durable(): Position {
    return this.#modules.spool.durable;
  }

  /** Groups that the spool has already are passed over. False: the spool has too much to write; pause until `drained`. */
  take(batch: RecordBatch): boolean {
    const { spool, committed } = this.#modules;
    if (batch.lastOrdinal <= spool.end.ordinal) return true;
    if (batch.format !== this.#format) this.#takeFormat(batch.format);
    return spool.append(batch.bytes, committed());
  }

  /** The spool keeps a FORMAT record only when it differs from the one before. */
  #takeFormat(format: Buffer): void {
    const { spool } = this.#modules;
    const { epoch, ordinal } = spool.end;
    const kind = RECORD_KIND.format;
    this.#format = format;
    spool.append(
      encodeRecord({ kind, flags: WHOLE, epoch, ordinal, atMs: 0, gtid: NONE, previousGtid: NONE }, format),
    );
  }

  /**
   * Resolves when the spool has everything up to `end`, the end of the log of a closed server, on the disk.
   * @throws SkeinError OWN_LOG_DIFFERS, those of a dump and of the spool, or the signal's reason
   */
  async reach(end: Position, signal: AbortSignal): Promise<void> {
    const { spool, logger, epochs, flavour } = this.#modules;
    const from = spool.end;
    this.#format = null;
    if (end.ordinal > from.ordinal) {
      const isCopied = end.ordinal - from.ordinal <= COPY_GROUPS_MAX && (await this.#copy(end, signal));
      if (!isCopied) await spool.restartAfter(spoolBase(end, { chain: epochs.chain, flavour }));
      logger.info({ from: from.ordinal, to: end.ordinal, isCopied }, 'the spool has the log of the server');
    }
    await spool.flush();
    // `restartAfter` moves the durable position without an event.
    this.#modules.durable(spool.durable.ordinal);
    // A server that is open may have gone on.
    if (spool.end.ordinal === end.ordinal && spool.end.gtid !== end.gtid)
      throw new SkeinError(
        'OWN_LOG_DIFFERS',
        `The spool of this node ends at ${spool.end.gtid || 'its beginning'}, the log of its server at ${end.gtid || 'its beginning'}. One of the two was replaced by an older or another one.`,
      );
  }

  /**
   * False: the server has purged what is missing. The dump tells that. The server cannot be asked where its log begins, because
   * that statement waits for commits that wait for their quorum.
   */
  async #copy(end: Position, signal: AbortSignal): Promise<boolean> {
    const { spool, dump } = this.#modules;
    const source = dump(spool.end, (batch) => this.take(batch));
    const off: (() => void)[] = [spool.onDrain.on(() => source.resume())];
    try {
      await new Promise<void>((resolve, reject) => {
        const look = () => {
          if (spool.end.ordinal >= end.ordinal) resolve();
        };
        const abort = () => reject(signal.reason as Error);
        signal.addEventListener('abort', abort);
        off.push(spool.onAppended.on(look), spool.onFailed.on(reject), source.onEnded.on(reject), () =>
          signal.removeEventListener('abort', abort),
        );
        if (signal.aborted) abort();
        else source.start().catch(reject);
      });
      return true;
    } catch (error) {
      if (isLogPurged(error)) return false;
      throw error;
    } finally {
      for (const each of off) each();
      source.stop();
    }
  }
}

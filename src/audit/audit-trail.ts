/**
 * Writes the audit trail of this node: JSON lines in files of bounded size, chained (sealed-line.ts). Lines of a few
 * milliseconds are sealed and written together, and adding never blocks: lines that come during a write are batched for the
 * next one. Lines that could not be written (no space, no descriptor) are kept and tried again; above a bound they are
 * dropped, and a later line says how many. The callers decide what is recorded; verify.ts checks a trail.
 */
import { createHash, type KeyObject } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../model/error.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import { redactTokens } from '../std/redact-tokens.js';
import { type HeadFile, headFile } from './head-file.js';
import { auditFileName, auditFiles, firstSeqOf, NO_MAC, parseLine, sealLine } from './sealed-line.js';

export interface AuditTrailOptions {
  readonly directory: string;
  readonly node: string;
  readonly key: KeyObject;
  /** A new file is begun above this. */
  readonly fileBytesMax: number;
  /** Older files are removed; a line records that. */
  readonly filesMax: number;
}

interface PendingLine {
  readonly atMs: number;
  readonly fields: AuditFields;
}

export type AuditFields = Readonly<Record<string, unknown>> & { readonly kind: string };

/** Interval of retries after a write has failed. */
const RETRY_MS = 1000;
/** Lines that wait for the disk; more are lost, and counted. */
const PENDING_MAX = 20_000;
/** Sealed and written at a time: about two milliseconds of work. */
const BATCH_MAX = 200;
/** Batching time: a write costs as much as ten lines. A crash loses the lines of this time. */
const BATCH_WAIT_MS = 10;
/** The head is written this often at most: lines of the last seconds before a power cut may be missing without a fault. */
const HEAD_INTERVAL_MS = 5_000;

export class AuditTrail {
  readonly #options: AuditTrailOptions;
  readonly #log: Logger;
  readonly #headFile: HeadFile;
  #file: FileHandle | null = null;
  #files: string[] = [];
  #bytes = 0;
  #seq = 0;
  #mac = NO_MAC;
  #headSeq = 0;
  #headTimer: NodeJS.Timeout | null = null;
  #pending: PendingLine[] = [];
  #pump: Promise<void> | null = null;
  /** Writes the current batch now. */
  #endBatch: (() => void) | null = null;
  #added = 0;
  #done = 0;
  #waiting: { upTo: number; resolve: (written: boolean) => void }[] = [];
  #closed = false;
  #lost = 0;
  #failing = false;
  /** The file may have bytes of a failed write after its last complete line. */
  #torn = false;
  /** Lines that were written, as they stand in the file. */
  readonly onLines = new Emitter<readonly string[]>();

  private constructor(options: AuditTrailOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#headFile = headFile(options.directory, log);
  }

  /** Resumes at the end of the files. A failure to open is logged, and opening is tried again with each line. */
  static async open(options: AuditTrailOptions, modules: { log: Logger }): Promise<AuditTrail> {
    const trail = new AuditTrail(options, modules.log);
    await trail.#guard(async () => {
      await mkdir(options.directory, { recursive: true, mode: 0o700 });
      await trail.#resume();
    });
    return trail;
  }

  /** Never throws, never waits. `atMs`: when it happened, Unix ms. */
  add(fields: AuditFields, atMs = Date.now()): void {
    if (this.#closed) return;
    if (this.#pending.length >= PENDING_MAX) {
      this.#lost++;
      return;
    }
    this.#added++;
    this.#pending.push({ atMs, fields });
    this.#pump ??= this.#untilBatch().then(() => this.#run());
  }

  #untilBatch(waitMs = BATCH_WAIT_MS): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#endBatch?.(), waitMs);
      this.#endBatch = () => {
        clearTimeout(timer);
        this.#endBatch = null;
        resolve();
      };
    });
  }

  /** Resolves when all lines added before the call are written (true), or when writing them has failed once (false). */
  settled(): Promise<boolean> {
    if (this.#done >= this.#added) return Promise.resolve(true);
    // While writing fails, callers do not wait for the next attempt.
    if (this.#failing && !this.#closed) return Promise.resolve(false);
    this.#endBatch?.();
    return new Promise((resolve) => this.#waiting.push({ upTo: this.#added, resolve }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.settled();
    await this.#pump;
    if (this.#headTimer) clearTimeout(this.#headTimer);
    await this.#guard(() => this.#writeHead());
    await this.#file?.close();
    this.#file = null;
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.slice(0, BATCH_MAX);
      if (!(await this.#guard(() => this.#write(batch)))) {
        this.#failed();
        return;
      }
      this.#pending = this.#pending.slice(batch.length);
      if (this.#bytes >= this.#options.fileBytesMax) await this.#guard(() => this.#rotate());
      this.#done += batch.length;
      this.#settle(this.#done, true);
      if (this.#waiting.length === 0 && this.#pending.length < BATCH_MAX) break;
    }
    this.#pump = this.#pending.length > 0 ? this.#untilBatch().then(() => this.#run()) : null;
    this.#armHead();
  }

  #settle(upTo: number, written: boolean): void {
    for (const waiting of this.#waiting.filter((one) => one.upTo <= upTo)) waiting.resolve(written);
    this.#waiting = this.#waiting.filter((one) => one.upTo > upTo);
  }

  /** The lines stay for the next attempt; there is none when the trail is being closed. */
  #failed(): void {
    this.#settle(this.#added, false);
    this.#pump = this.#closed ? null : this.#untilBatch(RETRY_MS).then(() => this.#run());
    if (!this.#closed) return;
    this.#log.error(
      { lines: this.#pending.length + this.#lost },
      'audit lines are lost, because the node ends',
    );
    this.#pending = [];
  }

  async #write(batch: readonly PendingLine[]): Promise<void> {
    const file = this.#file ?? (await this.#reopen());
    if (this.#torn) {
      await file.truncate(this.#bytes);
      this.#torn = false;
    }
    const lost = this.#lost;
    const all = lost === 0 ? batch : [this.#own('lost', { lines: lost }), ...batch];
    await this.#append(file, all);
    this.#lost -= lost;
  }

  async #append(file: FileHandle, batch: readonly PendingLine[]): Promise<void> {
    const { key, node } = this.#options;
    const nodeText = JSON.stringify(node);
    let [seq, mac] = [this.#seq, this.#mac];
    const lines = batch.map(({ atMs, fields }) => {
      const head = `{"seq":${++seq},"time":"${new Date(atMs).toISOString()}","node":${nodeText},`;
      const sealed = sealLine(key, mac, redactTokens(`${head}${JSON.stringify(fields).slice(1)}`));
      mac = sealed.mac;
      return sealed.text;
    });
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    this.#torn = true;
    for (let done = 0; done < bytes.length; ) {
      done += (await file.write(bytes, done, bytes.length - done, this.#bytes + done)).bytesWritten;
    }
    this.#torn = false;
    this.#bytes += bytes.length;
    [this.#seq, this.#mac] = [seq, mac];
    this.onLines.emit(lines);
  }

  #own(kind: string, fields: Record<string, unknown>): PendingLine {
    return { atMs: Date.now(), fields: { kind, ...fields } };
  }

  /** The first line of a file names the code before it, so that it can be verified when older ones are gone. */
  async #begin(): Promise<void> {
    const name = auditFileName(this.#seq + 1);
    const file = await open(join(this.#options.directory, name), 'wx', 0o600);
    await this.#file?.close();
    this.#file = file;
    this.#files.push(name);
    this.#bytes = 0;
    await this.#append(file, [this.#own('file', { previous: this.#mac })]);
  }

  async #rotate(): Promise<void> {
    await this.#writeHead();
    await this.#begin();
    while (this.#files.length > this.#options.filesMax) {
      const [oldest = '', next = ''] = this.#files;
      const lines = { from: firstSeqOf(oldest), to: (firstSeqOf(next) ?? 0) - 1 };
      if (this.#file) await this.#append(this.#file, [this.#own('purge', { file: oldest, lines })]);
      await unlink(join(this.#options.directory, oldest));
      this.#files.shift();
    }
  }

  async #reopen(): Promise<FileHandle> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    await this.#resume();
    if (!this.#file) throw new Error('the audit trail has no file');
    return this.#file;
  }

  /** Finds the end of the last file. A line that a crash has cut gets a line break, and the next line names it. */
  async #resume(): Promise<void> {
    const { directory } = this.#options;
    this.#files = auditFiles(await readdir(directory));
    const head = await this.#headFile.load();
    this.#headSeq = head?.seq ?? 0;
    const last = this.#files.at(-1);
    if (last === undefined) {
      // Files that were there before are missing: their numbers are not used again, which shows it.
      this.#seq = head?.seq ?? 0;
      this.#mac = head?.mac ?? NO_MAC;
      await this.#begin();
      return;
    }
    const file = await open(join(directory, last), 'r+');
    const end = await endOf(file);
    this.#file = file;
    this.#seq = Math.max(end.seq ?? (firstSeqOf(last) ?? 1) - 1, this.#headSeq);
    this.#mac = end.mac ?? NO_MAC;
    this.#bytes = end.size;
    if (end.torn.length === 0) return;
    await file.write('\n', this.#bytes);
    this.#bytes += 1;
    const sha256 = createHash('sha256').update(end.torn).digest('hex');
    await this.#append(file, [this.#own('torn', { bytes: end.torn.length, sha256 })]);
  }

  #armHead(): void {
    if (this.#headTimer || this.#closed || this.#seq === this.#headSeq) return;
    this.#headTimer = setTimeout(() => {
      this.#headTimer = null;
      void this.#guard(() => this.#writeHead());
    }, HEAD_INTERVAL_MS);
    this.#headTimer.unref();
  }

  async #writeHead(): Promise<void> {
    const head = { seq: this.#seq, mac: this.#mac };
    if (!this.#file || head.seq === this.#headSeq) return;
    await this.#file.datasync();
    await this.#headFile.save(head);
    this.#headSeq = head.seq;
  }

  async #guard(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      if (this.#failing) this.#log.info({ lost: this.#lost }, 'the audit trail is written again');
      this.#failing = false;
      return true;
    } catch (error) {
      if (!this.#failing) {
        this.#log.error(
          { directory: this.#options.directory, reason: messageOf(error) },
          'the audit trail cannot be written: up to 20,000 lines are kept in memory, more are lost',
        );
      }
      this.#failing = true;
      return false;
    }
  }
}

const TAIL_BYTES = 1024 * 1024;

interface FileEnd {
  readonly size: number;
  /** Of the last line; null when there is none. */
  readonly seq: number | null;
  readonly mac: string | null;
  /** Bytes behind the last new line. */
  readonly torn: Buffer;
}

async function endOf(file: FileHandle): Promise<FileEnd> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
  await file.read(bytes, 0, bytes.length, size - bytes.length);
  const end = bytes.lastIndexOf(0x0a) + 1;
  const torn = bytes.subarray(end);
  const last = bytes
    .subarray(0, end)
    .toString('utf8')
    .split('\n')
    .map(parseLine)
    .findLast((parsed) => parsed !== null);
  return { size, seq: last?.line.seq ?? null, mac: last?.line.mac ?? null, torn };
}

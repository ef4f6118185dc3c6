import { closeSync, fstatSync, openSync, renameSync, write, writeSync } from 'node:fs';
import { monotonicMs } from './clock.js';
import { Emitter } from './emitter.js';
import { LineBatch } from './line-batch.js';
import { SyncWritePolicy } from './sync-write-policy.js';

/** How many older files stay: `node.log.1` is the youngest of them. */
const OLDER_FILES = 3;
/** Lines that wait for a slow disk. What exceeds this is lost, and counted. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
const NEW_LINE = 0x0a;

/** Bytes written, perhaps fewer than were given; as `fs.writeSync`. */
type Write = (fd: number, bytes: Buffer) => number;
/** When to write synchronously. */
type WritePolicy = Pick<SyncWritePolicy, 'allows' | 'waited'>;

/**
 * Appends lines to a file of bounded size. Writing is synchronous (into the system's cache, a few microseconds), so that the
 * last urgent lines before a crash are in the file, with all before them. While the disk is slow, the lines wait for it in
 * memory and the event loop does not: it has heartbeats to send. A full disk loses lines, never the process; a line then says how
 * many, once writing works again.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #write: Write;
  #fd: number;
  #bytes: number;
  readonly #batch = new LineBatch({
    pass: (lines) => this.#writeLines(lines),
    ended: () => this.#writeNow(this.#takeWaiting()),
  });
  readonly #policy: WritePolicy;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  #lost = 0;
  /** The file ends within a line: the disk took only a part of it. */
  #torn = false;
  #listenerFailed = false;
  /** Lines that were written, without their ends. */
  readonly onLines = new Emitter<readonly string[]>();

  constructor(options: { path: string; bytesMax: number; write?: Write; policy?: WritePolicy }) {
    this.#path = options.path;
    this.#bytesMax = options.bytesMax;
    this.#write = options.write ?? writeSync;
    this.#policy = options.policy ?? new SyncWritePolicy(monotonicMs);
    this.#fd = openSync(options.path, 'a', 0o640);
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** @param line  with its line break at the end */
  write(line: string, { urgent }: { urgent: boolean }): void {
    this.#batch.write(line, { urgent });
  }

  flush(): void {
    this.#batch.flush();
  }

  #writeLines(lines: readonly string[]): void {
    if (!this.#isWriting && this.#waiting.length === 0 && this.#policy.allows()) {
      this.#rotateIfFull();
      this.#writeNow(lines);
      return;
    }
    for (const line of lines) this.#wait(line);
    if (!this.#isWriting) this.#writeWaiting();
  }

  #wait(line: string): void {
    if (this.#waitingBytes + line.length > WAITING_BYTES_MAX) {
      this.#lost++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
  }

  #takeWaiting(): string[] {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return lines;
  }

  #writeNow(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const piece = this.#pieceOf(lines);
    const { bytes } = piece;
    const began = monotonicMs();
    let done = 0;
    let failed = false;
    while (done < bytes.length && !failed) {
      try {
        const written = this.#write(this.#fd, done === 0 ? bytes : bytes.subarray(done));
        failed = written === 0;
        done += written;
      } catch {
        failed = true;
      }
    }
    this.#policy.waited(began);
    this.#wrote(piece, done);
  }

  /** In the thread pool: one piece after the other, until nothing waits. */
  #writeWaiting(): void {
    const lines = this.#takeWaiting();
    if (lines.length === 0) return;
    const piece = this.#pieceOf(lines);
    const { bytes } = piece;
    this.#isWriting = true;
    const more = (done: number) =>
      write(this.#fd, bytes, done, bytes.length - done, null, (error, written) => {
        if (!error && written > 0 && done + written < bytes.length) {
          more(done + written);
          return;
        }
        this.#isWriting = false;
        this.#wrote(piece, error ? done : done + written);
        this.#writeWaiting();
      });
    more(0);
  }

  /** The bytes of these lines, behind what has to be said or ended first. */
  #pieceOf(lines: readonly string[]): Piece {
    const lost = this.#lost;
    const note = lost > 0 ? ownLine('log lines were lost', { lines: lost }) : '';
    this.#lost = 0;
    const wasTorn = this.#torn;
    const bytes = Buffer.from(`${wasTorn ? '\n' : ''}${note}${lines.join('')}`);
    return { lines, lost, notes: lost > 0 ? 1 : 0, wasTorn, bytes };
  }

  /** `done` bytes of the piece are in the file. What is missing is lost. */
  #wrote({ lines, lost, notes, wasTorn, bytes }: Piece, done: number): void {
    this.#bytes += done;
    if (done > 0) this.#torn = bytes[done - 1] !== NEW_LINE;
    const ended = count(bytes.subarray(0, done), NEW_LINE) - (wasTorn && done > 0 ? 1 : 0);
    const whole = Math.max(0, ended - notes);
    this.#lost += (ended < notes ? lost : 0) + lines.length - whole;
    if (whole > 0) this.#tell(lines.slice(0, whole));
  }

  /** An error of a listener neither loses a line nor ends the node; it is logged once. */
  #tell(lines: readonly string[]): void {
    try {
      this.onLines.emit(lines.map((line) => line.trimEnd()));
    } catch (error) {
      if (this.#listenerFailed) return;
      this.#listenerFailed = true;
      this.write(ownLine('a reader of the log failed', { reason: String(error) }), { urgent: true });
    }
  }

  /** The new file is opened before the old ones are renamed: when that fails, the old file is used further. */
  #rotateIfFull(): void {
    if (this.#bytes < this.#bytesMax) return;
    let fresh: number;
    try {
      fresh = openSync(`${this.#path}.new`, 'a', 0o640);
    } catch {
      return;
    }
    try {
      for (let age = OLDER_FILES - 1; age >= 1; age--) {
        renameIfPresent(`${this.#path}.${age}`, `${this.#path}.${age + 1}`);
      }
      renameIfPresent(this.#path, `${this.#path}.1`);
      renameSync(`${this.#path}.new`, this.#path);
    } catch {
      closeSync(fresh);
      return;
    }
    closeSync(this.#fd);
    this.#fd = fresh;
    this.#bytes = 0;
    this.#torn = false;
  }
}

interface Piece {
  readonly lines: readonly string[];
  /** Told in the note before the lines. */
  readonly lost: number;
  readonly notes: 0 | 1;
  readonly wasTorn: boolean;
  readonly bytes: Buffer;
}

/** The file and its older ones, newest first; some may not be there. */
export function rotatedFiles(path: string): string[] {
  return [path, ...Array.from({ length: OLDER_FILES }, (_, i) => `${path}.${i + 1}`)];
}

function ownLine(msg: string, data: Record<string, unknown>): string {
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), ...data, msg })}\n`;
}

function count(bytes: Buffer, value: number): number {
  let found = 0;
  for (const byte of bytes) if (byte === value) found++;
  return found;
}

function renameIfPresent(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { Emitter } from './emitter.js';
import { LineBatch } from './line-batch.js';

/** How many older files stay: `node.log.1` is the youngest of them. */
const OLDER_FILES = 3;
const NEW_LINE = 0x0a;

/** Bytes written, perhaps fewer than were given; as `fs.writeSync`. */
type Write = (fd: number, bytes: Buffer) => number;

/**
 * Appends lines to a file of bounded size. Writing is synchronous (into the system's cache, a few microseconds), so that the
 * last urgent lines before a crash are in the file, with all before them. A full disk loses lines, never the process; a line
 * then says how many, once writing works again.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #write: Write;
  #fd: number;
  #bytes: number;
  readonly #batch = new LineBatch({ pass: (lines) => this.#writeLines(lines) });
  #lost = 0;
  /** The file ends within a line: the disk took only a part of it. */
  #torn = false;
  #listenerFailed = false;
  /** Lines that were written, without their ends. */
  readonly onLines = new Emitter<readonly string[]>();

  constructor(options: { path: string; bytesMax: number; write?: Write }) {
    this.#path = options.path;
    this.#bytesMax = options.bytesMax;
    this.#write = options.write ?? writeSync;
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
    if (this.#bytes >= this.#bytesMax) this.#rotate();
    const note = this.#lost > 0 ? [ownLine('log lines were lost', { lines: this.#lost })] : [];
    const written = this.#append([...note, ...lines]);
    const whole = Math.max(0, written - note.length);
    this.#lost = (written < note.length ? this.#lost : 0) + lines.length - whole;
    if (whole > 0) this.#tell(lines.slice(0, whole));
  }

  /** How many of the lines are whole in the file: all, or those before an error. */
  #append(lines: readonly string[]): number {
    const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${lines.join('')}`);
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
    this.#bytes += done;
    if (!failed) {
      this.#torn = false;
      return lines.length;
    }
    const ended = count(bytes.subarray(0, done), NEW_LINE) - (this.#torn && done > 0 ? 1 : 0);
    if (done > 0) this.#torn = bytes[done - 1] !== NEW_LINE;
    return ended;
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
  #rotate(): void {
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

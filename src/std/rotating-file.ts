import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { Signal } from './emitter.js';

/** How many older files stay: `node.log.1` is the youngest of them. */
const OLDER_FILES = 3;
/** Lines are written together; more than this is written at once. */
const PENDING_BYTES_MAX = 256 * 1024;
/** Lines that are not urgent wait so long for each other; a crash loses those. */
const GATHER_MS = 10;

/**
 * Appends lines to a file of bounded size. Writing is synchronous (into the system's cache, a few microseconds), so
 * that the last urgent lines before a crash are there, with all before them. A full disk loses lines, never the process: what was lost is counted
 * and said once writing works again.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #bytesMax: number;
  #fd: number;
  #bytes: number;
  #pending: string[] = [];
  #pendingBytes = 0;
  #gathering: NodeJS.Timeout | null = null;
  #lost = 0;
  /** Lines that were written, without their ends. */
  readonly onLines = new Signal<readonly string[]>();

  constructor(options: { path: string; bytesMax: number }) {
    this.#path = options.path;
    this.#bytesMax = options.bytesMax;
    this.#fd = openSync(options.path, 'a', 0o640);
    this.#bytes = fstatSync(this.#fd).size;
    process.on('exit', () => this.flush());
  }

  write(line: string, { urgent }: { urgent: boolean }): void {
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    if (urgent || this.#pendingBytes > PENDING_BYTES_MAX) this.flush();
    else this.#gathering ??= setTimeout(() => this.flush(), GATHER_MS).unref();
  }

  flush(): void {
    if (this.#gathering) clearTimeout(this.#gathering);
    this.#gathering = null;
    if (this.#pending.length === 0) return;
    const lines = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      if (this.#bytes >= this.#bytesMax) this.#rotate();
      const text = lines.join('');
      writeSync(this.#fd, text);
      this.#bytes += Buffer.byteLength(text);
      this.onLines.emit(lines.map((line) => line.trimEnd()));
      if (this.#lost > 0) {
        const note = {
          time: new Date().toISOString(),
          level: 'warn',
          lines: this.#lost,
          msg: 'log lines were lost',
        };
        this.#lost = 0;
        this.#bytes += writeSync(this.#fd, `${JSON.stringify(note)}\n`);
      }
    } catch {
      this.#lost += lines.length;
    }
  }

  #rotate(): void {
    for (let age = OLDER_FILES - 1; age >= 1; age--) {
      renameIfPresent(`${this.#path}.${age}`, `${this.#path}.${age + 1}`);
    }
    renameIfPresent(this.#path, `${this.#path}.1`);
    const old = this.#fd;
    this.#fd = openSync(this.#path, 'a', 0o640);
    this.#bytes = 0;
    closeSync(old);
  }
}

/** The file and its older ones, newest first; some may not be there. */
export function rotatedFiles(path: string): string[] {
  return [path, ...Array.from({ length: OLDER_FILES }, (_, i) => `${path}.${i + 1}`)];
}

function renameIfPresent(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BinaryLogFile } from '../../mysql-control/log-files.js';
import type { LogFile } from './plan.js';

export interface LogReaderModules {
  /** Oldest first. The server writes to the last one. Null: it cannot be told at this moment. */
  logFiles(): Promise<BinaryLogFile[] | null>;
  /** The GTID after which a file begins; null = the file does not say. */
  logFileBegin(name: string): Promise<string | null>;
  countOf(position: string): number;
  /** Directory of the server's data. */
  readonly directory: string;
  wallMs(): number;
}

export interface ServerLog {
  readonly files: readonly LogFile[];
  /** Ordinal of the last transaction before the first file. */
  readonly before: number;
}

interface Known {
  /** Ordinal of the last transaction before the file. */
  readonly before: number;
  readonly bytes: number;
  readonly isWritten: boolean;
  readonly writtenAtMs: number;
}

/** Reads which transactions the server's log files have, and how old they are. A complete file is read only once. */
export class LogReader {
  readonly #modules: LogReaderModules;
  #known = new Map<string, Known>();

  constructor(modules: LogReaderModules) {
    this.#modules = modules;
  }

  /** Another run of the server began. Its log may have been reset under the same file names. */
  forget(): void {
    this.#known.clear();
  }

  /** Null: not known at the moment. */
  async read(): Promise<ServerLog | null> {
    const { wallMs } = this.#modules;
    const listed = await this.#modules.logFiles();
    if (listed === null) return null;
    const known = new Map<string, Known>();
    for (const [at, file] of listed.entries()) {
      const found = await this.#look(file, at === listed.length - 1);
      if (found === null) return null;
      known.set(file.name, found);
    }
    this.#known = known;
    const all = [...known.values()];
    const files = listed.map(({ name, bytes }, at) => ({
      name,
      bytes,
      last: all[at + 1]?.before ?? Number.POSITIVE_INFINITY,
      ageMs: Math.max(0, wallMs() - (all[at]?.writtenAtMs ?? 0)),
    }));
    return { files, before: all[0]?.before ?? 0 };
  }

  async #look({ name, bytes }: BinaryLogFile, isWritten: boolean): Promise<Known | null> {
    const { logFileBegin, countOf, directory } = this.#modules;
    const before = this.#known.get(name);
    if (before && !before.isWritten && before.bytes === bytes && !isWritten) return before;
    const gtid = await logFileBegin(name);
    if (gtid === null) return null;
    const { mtimeMs } = await stat(join(directory, name));
    return { before: countOf(gtid), bytes, isWritten, writtenAtMs: mtimeMs };
  }
}

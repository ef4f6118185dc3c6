import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** A file system of its own and of few bytes (tmpfs), which a test can fill up. */
export class SmallDisk {
  readonly #directory: string;
  readonly #filler: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#filler = join(directory, 'filler');
  }

  /** At `directory`, which is made; null where mounting is not permitted. */
  static mount(directory: string, bytes: number): SmallDisk | null {
    mkdirSync(directory, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'tmpfs', directory], {
        stdio: 'ignore',
      });
      return new SmallDisk(directory);
    } catch {
      return null;
    }
  }

  /** Leaves this many bytes to others, by a file that is made longer or shorter. Files that are written meanwhile take of it. */
  leave(bytes: number): void {
    const { bavail, bsize } = statfsSync(this.#directory);
    const now = existsSync(this.#filler) ? statSync(this.#filler).size : 0;
    const wanted = Math.max(0, Math.floor(now + bavail * bsize - bytes));
    const file = openSync(this.#filler, 'a');
    try {
      if (wanted < now) ftruncateSync(file, wanted);
      const chunk = Buffer.alloc(1024 * 1024);
      for (let at = now; at < wanted; at += chunk.length)
        writeSync(file, chunk, 0, Math.min(chunk.length, wanted - at));
    } finally {
      closeSync(file);
    }
  }

  /** Leaves no page to anybody else. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    const chunk = Buffer.alloc(64 * 1024);
    try {
      // A short write comes before the error: the last one takes the last page.
      for (;;) writeSync(file, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  makeRoom(): void {
    rmSync(this.#filler, { force: true });
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.#directory]);
  }
}

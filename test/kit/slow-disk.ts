import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, truncateSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';

/** Sparse: takes what is written to it. */
const BYTES = 8 * 1024 ** 3;

/**
 * A file system of its own, in a file beside `directory`, that can be stalled: writes and fsyncs wait, reads go on. So does a disk
 * that is busy with other things, or whose controller tries a bad sector again.
 */
export class SlowDisk {
  readonly #directory: string;
  readonly #image: string;

  private constructor(directory: string, image: string) {
    this.#directory = directory;
    this.#image = image;
  }

  /** At `directory`, which is made; null where mounting is not permitted. */
  static mount(directory: string): SlowDisk | null {
    const image = `${directory}.disk`;
    mkdirSync(directory, { recursive: true });
    try {
      closeSync(openSync(image, 'w'));
      truncateSync(image, BYTES);
      // Without a journal: processes are killed here, not machines, and each fsync would be two.
      const options = ['-q', '-F', '-m', '0', '-O', '^has_journal', '-E', 'nodiscard,root_owner=0:0'];
      execFileSync('mkfs.ext4', [...options, image], { stdio: 'ignore' });
      execFileSync('mount', ['-o', 'loop', image, directory], { stdio: 'ignore' });
      return new SlowDisk(directory, image);
    } catch {
      rmSync(image, { force: true });
      return null;
    }
  }

  /**
   * `times` stalls of `stallMs`, with `pauseMs` between them. Resolves when they are over, with the length of the longest: a stall
   * begins with a sync, which takes its time on a machine whose own disk is busy. In a process of its own, which ends them also when
   * this one is killed: a process that waits for a stalled disk cannot be killed.
   */
  async stall({
    stallMs,
    times = 1,
    pauseMs = 0,
  }: {
    stallMs: number;
    times?: number;
    pauseMs?: number;
  }): Promise<number> {
    const stall = `sync -f "$1"; date +%s%N; fsfreeze -f "$1"; sleep ${stallMs / 1000}; fsfreeze -u "$1"; date +%s%N`;
    const script = `for i in $(seq ${times}); do ${stall}; sleep ${pauseMs / 1000}; done`;
    const child = spawn('/bin/sh', ['-c', script, 'stall', this.#directory], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    const [text, [code]] = await Promise.all([textOf(child.stdout), once(child, 'exit')]);
    if (code !== 0) throw new Error(`${this.#directory} could not be stalled: exit code ${code}`);
    const moments = text
      .trim()
      .split('\n')
      .map((line) => Number(line) / 1e6);
    const stalls = Array.from(
      { length: times },
      (_, at) => (moments[2 * at + 1] ?? 0) - (moments[2 * at] ?? 0),
    );
    return Math.max(...stalls);
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.#directory]);
    rmSync(this.#image, { force: true });
  }
}

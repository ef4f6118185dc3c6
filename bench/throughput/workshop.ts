import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import type { ServerBinary } from '../../src/server-packages/server-binary.js';
import { silentLogger } from '../../src/std/logger.js';
import type { Mode } from './modes.js';
import { NativeTarget } from './native-target.js';
import { obtainSysbench, type SysbenchBinary } from './obtain-tool.js';
import { SkeinTarget } from './skein-target.js';
import type { Target } from './target.js';

/** What every bench with real servers needs: the programs, a directory, and an end that leaves nothing behind. */
export class Workshop {
  readonly binary: ServerBinary;
  readonly sysbench: SysbenchBinary;
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Where programs that are not on the host are kept. */
  readonly cacheDir: string;
  readonly #targets: Target[] = [];

  /** Runs `work`, and whatever happens (Ctrl-C too) ends all processes and removes the directory. */
  static async open(work: (workshop: Workshop) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const interrupted = () => stop.abort(new Error('interrupted'));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupted);
    // What nobody caught must not end the bench before its servers.
    process.on('uncaughtException', (error) => {
      console.error(error);
      process.exitCode = 1;
      stop.abort(error);
    });
    // The launcher starts benches in the project's directory; compiled code lies elsewhere.
    const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
    const binary = await obtainServer({ cacheDir, signal: stop.signal }, { logger: silentLogger });
    const workshop = new Workshop(binary, await obtainSysbench(cacheDir), cacheDir, stop.signal);
    try {
      await work(workshop);
    } catch (error) {
      for (const target of workshop.#targets) console.error((await target.logs?.()) ?? '');
      throw error;
    } finally {
      await Promise.all(workshop.#targets.map((target) => target.dispose()));
      rmSync(workshop.directory, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  private constructor(binary: ServerBinary, sysbench: SysbenchBinary, cacheDir: string, signal: AbortSignal) {
    this.binary = binary;
    this.sysbench = sysbench;
    this.cacheDir = cacheDir;
    this.signal = signal;
    // SKEIN_BENCH_DIR names the disk to try.
    this.directory = mkdtempSync(join(process.env.SKEIN_BENCH_DIR ?? tmpdir(), 'skein-bench-'));
    // The servers may run as another user and have to get through to their data.
    chmodSync(this.directory, 0o755);
  }

  async start(mode: Mode): Promise<Target> {
    const directory = join(this.directory, mode.id);
    mkdirSync(directory, { mode: 0o755 });
    const target =
      mode.kind === 'native'
        ? await NativeTarget.start(mode, { directory, binary: this.binary, cacheDir: this.cacheDir })
        : await SkeinTarget.start(mode, { directory });
    return this.keep(target);
  }

  /** For targets that a bench starts in its own way. */
  keep<T extends Target>(target: T): T {
    this.#targets.push(target);
    return target;
  }
}

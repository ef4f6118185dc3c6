import { type ChildProcess, spawn } from 'node:child_process';
import { sleep } from '../../src/std/timing.js';

/** Of what the process said last. */
const TAIL_CHARACTERS = 4_000;
/** Until its end is known, when what failed may be a consequence of it. */
const END_KNOWN_MS = 1_000;

/** A process with which others work: its end in the middle is their error, and says what the process said last. */
export class WatchedProcess {
  readonly #process: ChildProcess;
  /** Rejects when it ends without being told to. */
  readonly #ended: Promise<never>;
  readonly #gone: Promise<void>;
  readonly #waiters = new Set<() => void>();
  #said = '';
  #isStopping = false;

  constructor(what: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => this.#hear(bytes));
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      // `close` and not `exit`: its last words have been read then.
      child.once('close', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal));
    });
    this.#gone = ended.then(() => {});
    this.#ended = ended.then((how) => {
      if (this.#isStopping) return new Promise<never>(() => {});
      throw new Error(`${what} has ended in the middle (${how}). It said last:\n${this.#said}`);
    });
    // Whoever works with it is told; nobody may be.
    this.#ended.catch(() => {});
  }

  #hear(bytes: Buffer): void {
    this.#said = (this.#said + String(bytes)).slice(-TAIL_CHARACTERS);
    for (const wake of this.#waiters) wake();
  }

  /** False: it has ended. */
  get runs(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves when it has said this. @throws Error when it ends before */
  saying(text: string): Promise<void> {
    return this.during(
      new Promise((resolve) => {
        const look = () => {
          if (!this.#said.includes(text)) return;
          this.#waiters.delete(look);
          resolve();
        };
        this.#waiters.add(look);
        look();
      }),
    );
  }

  /** The result of this work. @throws Error when the process ends before it is done, whatever the work makes of that */
  async during<T>(work: Promise<T>): Promise<T> {
    try {
      return await Promise.race([work, this.#ended]);
    } catch (error) {
      await Promise.race([this.#ended, sleep(END_KNOWN_MS)]);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.runs) this.#process.kill('SIGTERM');
    await this.#gone;
  }
}

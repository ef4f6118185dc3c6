import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aliveFile, lastTouch } from '../../std/alive-file.js';
import { livingOwner } from '../../std/pid-file.js';
import {
  identifyProcess,
  isSameProcessAlive,
  type ProcessIdentity,
  processActivity,
} from '../../std/process-identity.js';
import { backoffMs, sleep } from '../../std/timing.js';
import { configFile } from './directory.js';
import { HangDetector, LOOK_INTERVAL_MS } from './hang-detector.js';
import type { PlannedNode } from './plan.js';

/** A node that ends is started again after 0.2 s, and more slowly each time it does not stay up. */
const RESTART_FIRST_MS = 200;
const RESTART_MAX_MS = 5000;
/** Uptime after which the restart back-off is reset. */
const STABLE_AFTER_MS = 30_000;
/** Interval of checks whether an adopted node has ended; the end of our own child is noticed at once. */
const POLL_MS = 200;
/** File for the node's output before its log works, and for a crash of the runtime. */
const OUTPUT_BYTES_MAX = 1024 * 1024;

export interface NodeProcessOptions {
  readonly node: PlannedNode;
  readonly command: readonly string[];
  /** Time without a turn of the event loop after which a node is killed and started again; 0: never. */
  readonly hungAfterMs: number;
}

export interface NodeProcessModules {
  /** Prints a line for the operator. */
  say(text: string): void;
}

/**
 * One node of the local cluster: adopts it when it runs, starts it when it does not, starts it again when it ends, and ends
 * it when it hangs.
 *
 *   start() -> running -(it ends)-> waiting -(back-off)-> running ...   until stop() or kill()
 */
export class NodeProcess {
  readonly node: PlannedNode;
  readonly adopted: boolean;
  /** Number of ends in a row without a long uptime; the caller decides when to give up. */
  failures = 0;
  #identity: ProcessIdentity | null = null;
  #ended: Promise<string>;
  #stopping = false;
  readonly #wake = new AbortController();
  readonly #supervision: Promise<void>;
  readonly #modules: NodeProcessModules;
  readonly #command: readonly string[];
  readonly #hungAfterMs: number;

  constructor(options: NodeProcessOptions, modules: NodeProcessModules) {
    this.node = options.node;
    this.#command = options.command;
    this.#hungAfterMs = options.hungAfterMs;
    this.#modules = modules;
    this.adopted = livingOwner(pidFile(options.node)) !== null;
    this.#ended = this.#begin();
    this.#supervision = this.#supervise();
  }

  get pid(): number | null {
    return this.#identity?.pid ?? null;
  }

  /**
   * Asks the node to stop in order, and resolves when its process has ended. `others`: whether the other nodes go on, so that
   * one of them takes over from a primary; or `stop` too.
   */
  async stop({ others }: { others: 'go on' | 'stop' }): Promise<void> {
    this.#stopping = true;
    this.#wake.abort();
    this.#signal(others === 'stop' ? 'SIGINT' : 'SIGTERM');
    await this.#supervision;
  }

  /** Kills a node that does not stop by itself. Its server stays, see `servers.ts`. */
  kill(): void {
    this.#stopping = true;
    this.#wake.abort();
    this.#signal('SIGKILL');
  }

  async #supervise(): Promise<void> {
    for (;;) {
      const since = performance.now();
      const watch = this.#watchForHang();
      const how = await this.#ended;
      clearInterval(watch);
      this.#identity = null;
      if (this.#stopping) return;
      const lived = performance.now() - since;
      this.failures = lived > STABLE_AFTER_MS ? 0 : this.failures + 1;
      const waitMs = backoffMs(this.failures - 1, RESTART_FIRST_MS, RESTART_MAX_MS);
      this.#modules.say(
        `${this.node.name} ended (${how}); starting it again in ${(waitMs / 1000).toFixed(1)} s${this.#lastWords()}`,
      );
      await sleep(waitMs, this.#wake.signal).catch(() => {});
      if (this.#stopping) return;
      this.#ended = this.#begin();
    }
  }

  /** Watches also while the node stops: a hang would delay the whole stop. */
  #watchForHang(): NodeJS.Timeout | undefined {
    const identity = this.#identity;
    if (identity === null || this.#hungAfterMs === 0) return undefined;
    const judge = new HangDetector(this.#hungAfterMs);
    const file = aliveFile(this.node.directory);
    return setInterval(() => {
      const touch = lastTouch(file, identity);
      const activity = processActivity(identity.pid) ?? { cpuMs: 0, runnable: false };
      const silentMs = judge.look({ nowMs: performance.now(), touch, ...activity });
      if (silentMs === null) return;
      this.#modules.say(
        `${this.node.name} hangs: the event loop of process ${identity.pid} has not turned for ${(silentMs / 1000).toFixed(1)} s; killing it (its server stays)`,
      );
      this.#signal('SIGKILL');
    }, LOOK_INTERVAL_MS);
  }

  /** An unknown node may run: an earlier demo was killed before that node had written its pid. */
  #begin(): Promise<string> {
    this.#identity = livingOwner(pidFile(this.node));
    return this.#identity ? watch(this.#identity) : this.#spawn();
  }

  /** In a session of its own: neither Ctrl-C nor the end of the terminal, or of the demo, reaches it. */
  #spawn(): Promise<string> {
    const output = openSync(outputFile(this.node), 'a', 0o640);
    if (fstatSync(output).size > OUTPUT_BYTES_MAX) ftruncateSync(output);
    const [file = process.execPath, ...args] = this.#command;
    const child = spawn(file, [...args, '--config', configFile(this.node)], {
      cwd: this.node.directory,
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.#identity = child.pid === undefined ? null : identifyProcess(child.pid);
    return endOf(child);
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#identity || !isSameProcessAlive(this.#identity)) return;
    try {
      process.kill(this.#identity.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  #lastWords(): string {
    const lines = readOrEmpty(outputFile(this.node)).trimEnd().split('\n').slice(-6);
    return lines.join('') === '' ? '' : `\n${lines.map((line) => `    ${line}`).join('\n')}`;
  }
}

export const pidFile = (node: PlannedNode) => join(node.directory, 'node.pid');
const outputFile = (node: PlannedNode) => join(node.directory, 'node.out');

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal));
  });
}

/** The end of a process that is not our child is only noticed by polling. */
async function watch(identity: ProcessIdentity): Promise<string> {
  while (isSameProcessAlive(identity)) await sleep(POLL_MS);
  return 'its process is gone';
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

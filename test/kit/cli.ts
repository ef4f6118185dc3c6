import { type SpawnOptions, spawn } from 'node:child_process';
import { MAIN } from './cluster.js';

export interface CommandResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  durationMs: number;
}

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Killed after that: the result then has a signal. */
  deadlineMs?: number;
  /** Run as this user (needs root); 65534 is nobody. */
  uid?: number;
  /** Its limit of open files. */
  descriptors?: number;
  /** A program and its arguments that run it, such as `ip netns exec a`. */
  prefix?: readonly string[];
}

/** Runs the built CLI to its end. */
export function skein(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { uid, cwd, env, descriptors, prefix = [], deadlineMs = 60_000 } = options;
  const started = performance.now();
  const spawnOptions: SpawnOptions = {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
  };
  return new Promise((resolve, reject) => {
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
    const command = ['-c', `${limit}exec "$0" "$@"`, ...prefix, process.execPath, MAIN, ...args];
    const child = spawn('/bin/sh', command, spawnOptions);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, durationMs: performance.now() - started });
    });
  });
}

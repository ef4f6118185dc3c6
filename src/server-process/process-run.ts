/** One process of the server. */
import type { ChildProcess } from 'node:child_process';
import type { ProcessIdentity } from '../std/process-identity.js';
import { mayBeAlive } from '../std/processes.js';
import { sleep } from '../std/timing.js';

export interface Running {
  readonly pid: number;
  readonly startedAt: string;
  readonly adopted: boolean;
  /** True when an earlier server may not have ended in order. */
  readonly crashed: boolean;
  readonly port: number;
  readonly socketPath: string;
  /** Byte in server.log at which this process's lines begin. */
  readonly logFrom: number;
  readonly died: Promise<Death>;
  /** Ends the watching. `died` then never settles. */
  readonly unwatch: () => void;
}

export interface Death {
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
}

/** Poll interval for a server that is not a child of this process. */
const ADOPTED_POLL_MS = 100;

export function deathOf(child: ChildProcess): Promise<Death> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ exitCode: 127, killedBy: null }));
    child.once('exit', (exitCode, killedBy) => resolve({ exitCode, killedBy }));
  });
}

/** Resolves when a process that is not a child has ended. Never settles after `signal` is aborted. */
export function goneOf(identity: ProcessIdentity, signal: AbortSignal): Promise<Death> {
  return new Promise((resolve) => {
    const look = async () => {
      while (mayBeAlive(identity)) await sleep(ADOPTED_POLL_MS, signal);
      resolve({ exitCode: null, killedBy: null });
    };
    look().catch(() => {});
  });
}

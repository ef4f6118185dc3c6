/** One process of the server, as its node knows it. */
import type { ChildProcess } from 'node:child_process';
import type { ProcessIdentity } from '../std/process-identity.js';
import { mayBeAlive } from '../std/processes.js';
import { sleep } from '../std/timing.js';

export interface Running {
  readonly pid: number;
  readonly startedAt: string;
  readonly adopted: boolean;
  /** A server before it may not have ended in order. */
  readonly crashed: boolean;
  readonly port: number;
  readonly socketPath: string;
  /** Where its own lines begin in server.log. */
  readonly logFrom: number;
  readonly died: Promise<Death>;
  /** Stops waiting for `died`, which then never settles. */
  readonly unwatch: () => void;
}

export interface Death {
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
}

/** Interval at which a server that is not our child is looked at. */
const ADOPTED_POLL_MS = 100;

export function deathOf(child: ChildProcess): Promise<Death> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ exitCode: 127, killedBy: null }));
    child.once('exit', (exitCode, killedBy) => resolve({ exitCode, killedBy }));
  });
}

/** The end of a process that is not our child; never settles once `signal` is aborted. */
export function goneOf(identity: ProcessIdentity, signal: AbortSignal): Promise<Death> {
  return new Promise((resolve) => {
    const look = async () => {
      while (mayBeAlive(identity)) await sleep(ADOPTED_POLL_MS, signal);
      resolve({ exitCode: null, killedBy: null });
    };
    look().catch(() => {});
  });
}

/** Watches a process of the server for hanging. */
import type { Account } from '../mysql-control/login.js';
import { Pulse } from '../mysql-control/pulse.js';
import type { Logger } from '../std/logger.js';
import { processActivity } from '../std/process-identity.js';
import { hasRunnableThread } from '../std/processes.js';
import { HangWatch } from './hang-watch.js';
import type { Running } from './process-run.js';

/** A server that was adopted and has not answered yet may still be recovering. */
const STARTING_FACTOR = 6;

export interface WatchedServer {
  readonly running: Pick<Running, 'pid' | 'adopted'>;
  readonly account: Account;
  /** See ManagedServerOptions. */
  readonly hangMs: number | undefined;
  readonly progress: (() => number) | undefined;
  readonly diskWrites: (() => number | null) | undefined;
}

/** Null = the setting is off. A server that this node has started is not watched before it has answered: `up`. */
export function watchServer(
  {
    running: { pid, adopted },
    account,
    hangMs = 0,
    progress = () => 0,
    diskWrites = () => null,
  }: WatchedServer,
  modules: { logger: Logger; silent(reason: string | null): void; hung(reason: string): void },
): HangWatch | null {
  if (hangMs === 0) return null;
  const watch = new HangWatch(
    { limitMs: hangMs, startLimitMs: STARTING_FACTOR * hangMs },
    {
      ...modules,
      pulse: new Pulse(account),
      ...{ progress, diskWrites },
      cpuMs: () => processActivity(pid)?.cpuMs ?? 0,
      isRunnable: () => hasRunnableThread(pid),
    },
  );
  if (adopted) watch.start();
  return watch;
}

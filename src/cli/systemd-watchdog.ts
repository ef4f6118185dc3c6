import { spawn } from 'node:child_process';
import type { Logger } from '../std/logger.js';

/**
 * Tells systemd that the event loop turns (`WatchdogSec=` of a unit; sd_notify(3), sd_watchdog_enabled(3)). Node has no
 * datagram sockets of the unix family, so a timer of the event loop starts one systemd-notify process for each message; a
 * loop that hangs starts none. A helper process that keeps sending by itself would prove nothing.
 */

export interface WatchdogPlan {
  readonly intervalMs: number;
  /** The only environment variables that systemd-notify needs. */
  readonly env: Readonly<Record<string, string>>;
}

/** A shorter interval would start too many processes. */
const INTERVAL_MIN_MS = 500;

/** Null without a watchdog. Systemd advises to send at half of its time-out; at a third, one message may be lost. */
export function watchdogPlan(env: NodeJS.ProcessEnv, pid: number): WatchdogPlan | null {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, PATH } = env;
  const limitUs = /^\d+$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) : 0;
  if (!NOTIFY_SOCKET || limitUs === 0) return null;
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return null;
  return {
    intervalMs: Math.max(INTERVAL_MIN_MS, Math.floor(limitUs / 3000)),
    env: { NOTIFY_SOCKET, PATH: PATH ?? '/usr/bin:/bin' },
  };
}

export class SystemdWatchdog {
  readonly #plan: WatchdogPlan;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  /** The previous message is still being sent: one process at a time. */
  #sending = false;
  /** Sent after that one, so that the last message is not lost. */
  #last: readonly string[] | null = null;
  #failing = false;

  private constructor(plan: WatchdogPlan, logger: Logger) {
    this.#plan = plan;
    this.#logger = logger;
    this.#timer = setInterval(() => this.#send('WATCHDOG=1'), plan.intervalMs);
    this.#timer.unref();
    // For a unit of Type=notify; others ignore it.
    this.#send('READY=1', 'WATCHDOG=1');
  }

  /** Null when systemd does not watch this process. */
  static start(
    options: { readonly env: NodeJS.ProcessEnv; readonly pid: number },
    { logger }: { logger: Logger },
  ): SystemdWatchdog | null {
    const plan = watchdogPlan(options.env, options.pid);
    if (plan === null) return null;
    logger.info({ intervalMs: plan.intervalMs }, 'systemd watches the event loop');
    return new SystemdWatchdog(plan, logger);
  }

  stop(): void {
    clearInterval(this.#timer);
    const last = ['STOPPING=1', 'WATCHDOG=1'];
    if (this.#sending) this.#last = last;
    else this.#send(...last);
  }

  #send(...messages: string[]): void {
    if (this.#sending) return;
    this.#sending = true;
    const child = spawn('systemd-notify', messages, { stdio: 'ignore', env: { ...this.#plan.env } });
    const ended = (failure: string | null) => {
      this.#sending = false;
      if (failure !== null && !this.#failing) {
        this.#logger.error(
          { reason: failure },
          'systemd-notify failed: systemd will treat this node as hung and restart it',
        );
      }
      this.#failing = failure !== null;
      const last = this.#last;
      this.#last = null;
      if (last) this.#send(...last);
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code) => ended(code === 0 ? null : `exit code ${code}`));
  }
}

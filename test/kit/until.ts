import { messageOf } from '../../src/model/error.js';
import { sleep } from '../../src/std/timing.js';
import { keptLogs } from './test-logs.js';

/** A deadline costs nothing where the condition comes; a machine with other work may need much longer than a calm one. */
const DEADLINE_MS = 45_000;

export interface UntilOptions {
  /** How long the condition may take; the time-out error names the condition and the last thing seen. */
  deadlineMs?: number;
  intervalMs?: number;
  signal?: AbortSignal;
  /** What to show with a missed deadline (last lines of a log, a status); long ones go into a file. */
  context?: () => string | Promise<string>;
}

/**
 * Asks `probe` again and again until it gives something truthy. A probe that throws counts as "not yet", because what
 * is waited for is often down at first; its last error is part of the missed deadline's message.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<NonNullable<T>> {
  const { deadlineMs = DEADLINE_MS, intervalMs = 50, signal, context } = options;
  const started = performance.now();
  let last = 'nothing yet';
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = `the answer was ${JSON.stringify(value) ?? String(value)}`;
    } catch (error) {
      if (error instanceof GiveUp) throw error;
      last = `it failed with: ${messageOf(error)}`;
    }
    if (performance.now() - started > deadlineMs) {
      const more = context ? `\n${keptLogs(what, await context())}` : '';
      throw new Error(`Deadline missed: ${what}: not within ${deadlineMs} ms; at last ${last}${more}`);
    }
    await sleep(intervalMs, signal);
  }
}

/**
 * Looks at `holds` again and again for a named time: for what must not happen. Passing says only that it did not happen
 * within that time, so choose it well beyond what the fault would take.
 * @throws Error as soon as it does not hold
 */
export async function throughout(
  what: string,
  durationMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const started = performance.now();
  do {
    const atMs = Math.round(performance.now() - started);
    if (!(await holds()))
      throw new Error(`Not throughout ${durationMs} ms: ${what} (it ended after ${atMs} ms)`);
    await sleep(25);
  } while (performance.now() - started < durationMs);
}

/** Thrown by a probe when waiting longer makes no sense (the process that should get ready has exited). */
export class GiveUp extends Error {}

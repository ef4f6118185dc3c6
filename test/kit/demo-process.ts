import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { until } from './until.js';

/** A `skein demo` that a test has started by itself, with its output in pipes. */
export async function untilReady(child: ChildProcess): Promise<void> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text) => {
      said += text;
    });
  }
  await until('the cluster is ready', () => said.includes('skein ready'), {
    deadlineMs: 90_000,
    context: () => said,
  });
}

/** Ends it in order. */
export async function endOf(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

import { open, readFile, rm } from 'node:fs/promises';
import { isAlive, readProcess } from './processes.js';
import { sleep } from './timing.js';

const POLL_MS = 100;

/**
 * Runs `work` while no other process holds the lock file. It only saves double work: what the lock guards
 * is published by an atomic rename, so two holders (a stale file taken over twice) would do no harm.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  while (!(await take(path))) await sleep(POLL_MS, signal);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  const me = await readProcess(process.pid);
  try {
    const handle = await open(path, 'wx', 0o644);
    await handle.writeFile(JSON.stringify({ pid: process.pid, startTicks: me?.startTicks ?? '' }));
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const text = await readFile(path, 'utf8').catch(() => '');
  // An empty file is a holder between its open and its write: it is given the time of one poll, then looked at again.
  if (text === '') await sleep(POLL_MS);
  const holder = parse(text === '' ? await readFile(path, 'utf8').catch(() => '') : text);
  if (holder === null || !(await isAlive(holder))) await rm(path, { force: true });
  return false;
}

function parse(text: string): { pid: number; startTicks: string } | null {
  try {
    const value = JSON.parse(text) as { pid?: unknown; startTicks?: unknown };
    if (typeof value.pid !== 'number' || typeof value.startTicks !== 'string') return null;
    return { pid: value.pid, startTicks: value.startTicks };
  } catch {
    return null;
  }
}

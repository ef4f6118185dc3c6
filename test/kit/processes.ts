import { readdir, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { until } from './until.js';

/** The first whole number of a pid file; further lines may hold what tells a recycled pid apart. */
export async function readPidFile(path: string): Promise<number> {
  const text = await readFile(path, 'utf8');
  const pid = Number.parseInt(/\d+/.exec(text)?.[0] ?? '', 10);
  if (!(pid > 1)) throw new Error(`${path} holds no process id: ${JSON.stringify(text.slice(0, 80))}`);
  return pid;
}

/** A zombie counts as gone: it holds nothing any more, its parent has only not asked for it yet. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    return state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

/** Sends a signal to one process; false when it is gone already. */
export function signalPid(pid: number, signal: NodeJS.Signals): boolean {
  // 0 and negative numbers are groups of processes; -1 is every process there is.
  if (!(Number.isSafeInteger(pid) && pid > 1)) throw new Error(`${pid} is not the id of one process`);
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

export async function killAndWait(pid: number, deadlineMs = 45_000): Promise<void> {
  if (!signalPid(pid, 'SIGKILL')) return;
  await until(`process ${pid} is gone after SIGKILL`, async () => !(await isAlive(pid)), { deadlineMs });
}

/**
 * SIGSTOP, until every thread stands. On a busy machine the thread that takes the signal may wait for a core, and the
 * others go on until then.
 */
export async function stopAndWait(pid: number): Promise<void> {
  if (!signalPid(pid, 'SIGSTOP')) return;
  await until(`process ${pid} stands after SIGSTOP`, async () => (await runningThreads(pid)) === 0, {
    intervalMs: 5,
  });
}

async function runningThreads(pid: number): Promise<number> {
  const states = await Promise.all(
    (await readdir(`/proc/${pid}/task`)).map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '');
      // The state follows the name, which is in parentheses and may hold anything.
      return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    }),
  );
  return states.filter((state) => state !== 'T' && state !== '').length;
}

export async function commandLineOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8');
  return text.split('\0').filter((part) => part !== '');
}

export interface MemoryOf {
  rssBytes: number;
  peakRssBytes: number;
}

export async function memoryOf(pid: number): Promise<MemoryOf> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return { rssBytes: kib('VmRSS') * 1024, peakRssBytes: kib('VmHWM') * 1024 };
}

/** Ports of one block: enough for the widest cluster of a test (the MySQL ports of its last node). */
const PORTS_OF_A_BLOCK = 128;
/** Below 32768, where Linux does not hand out ports to outgoing connections. */
const FIRST_PORT = 12_000;
const BLOCKS = Math.floor((32_768 - FIRST_PORT) / PORTS_OF_A_BLOCK);

/**
 * Finds a number b so that b + each of `offsets` is free on loopback, and reserves its block of ports for this process.
 * Looking alone is not enough: another test run may look between our look and our use.
 */
export async function freePorts(offsets: readonly number[]): Promise<number> {
  const first = Math.floor(Math.random() * BLOCKS);
  for (let i = 0; i < BLOCKS; i++) {
    const base = FIRST_PORT + ((first + i) % BLOCKS) * PORTS_OF_A_BLOCK;
    if (!(await reserveBlock(base))) continue;
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('No free block of ports found on 127.0.0.1');
}

/** The reservation is an abstract Unix socket: it names the block for all processes, and ends with this one. */
function reserveBlock(base: number): Promise<boolean> {
  return new Promise((resolve) => {
    const reservation = createServer().unref();
    reservation.once('error', () => resolve(false));
    reservation.listen(`\0skein-test-ports-${base}`, () => resolve(true));
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => {
      const taken = (server.address() as AddressInfo).port === port;
      server.close(() => resolve(taken));
    });
  });
}

/** Keeps the last lines of a stream, for the message of a test that fails. */
export class LogRing {
  readonly #max: number;
  #lines: string[] = [];
  #rest = '';

  constructor(max = 200) {
    this.#max = max;
  }

  push(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    this.#lines.push(...parts);
    if (this.#lines.length > this.#max) this.#lines.splice(0, this.#lines.length - this.#max);
  }

  get lines(): string[] {
    return this.#rest === '' ? [...this.#lines] : [...this.#lines, this.#rest];
  }

  text(): string {
    return this.lines.join('\n');
  }
}

/** The last `count` lines of a file that are not `dull`; says so when there is no file. */
export async function tailOf(path: string, count = 40, dull?: RegExp): Promise<string> {
  try {
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    return lines
      .filter((line) => !dull?.test(line))
      .slice(-count)
      .join('\n');
  } catch (error) {
    return `(not readable: ${(error as NodeJS.ErrnoException).code})`;
  }
}

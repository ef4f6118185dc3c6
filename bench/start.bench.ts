/**
 * How long a local cluster takes to start: the first time (server at hand, data directories made) and later, from the
 * start of the process to 200 on /ready of all three nodes. Run: npm run bench -- start
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const MAIN = resolve('dist/main.js');
const LATER_STARTS = 5;
/** Above the ports of a cluster that somebody may have running, with room for three of each. */
const ROOM = 10;

const directory = mkdtempSync(join(tmpdir(), 'skein-bench-start-'));
try {
  const http = await freePort();
  const first = await startAndStop(http);
  const later: Measure[] = [];
  for (let round = 0; round < LATER_STARTS; round++) later.push(await startAndStop(http));
  console.log(`load average of this machine meanwhile: ${loadavg()[0]?.toFixed(1)}`);
  console.log(`first start (server at hand): ${text([first.startMs])}`);
  console.log(`later starts: ${text(later.map(({ startMs }) => startMs))}`);
  console.log(`orderly stop: ${text([first, ...later].map(({ stopMs }) => stopMs))}`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

interface Measure {
  startMs: number;
  stopMs: number;
}

async function startAndStop(http: number): Promise<Measure> {
  const started = performance.now();
  const args = ['demo', '--dir', directory, '--http-port', String(http), '--link-port', String(http + ROOM)];
  const demo = spawn(process.execPath, [MAIN, ...args, '--mysql-port', String(http + 2 * ROOM)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(demo, 'exit');
  let said = '';
  demo.stderr.on('data', (bytes: Buffer) => {
    said += String(bytes);
  });
  const ready = (async () => {
    for await (const bytes of demo.stdout) if (String(bytes).includes('skein ready')) return;
    throw new Error(`the demo ended before it was ready:\n${said}`);
  })();
  await ready;
  const startMs = performance.now() - started;
  demo.kill('SIGTERM');
  const stopping = performance.now();
  await ended;
  return { startMs, stopMs: performance.now() - stopping };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  // Not among those that the system gives to others at any time.
  return port > 32_000 ? port - 20_000 : port;
}

function text(values: number[]): string {
  const sorted = [...values].sort((a, b) => a - b).map((ms) => (ms / 1000).toFixed(2));
  return sorted.length === 1
    ? `${sorted[0]} s`
    : `median ${sorted[Math.floor(sorted.length / 2)]} s, ${sorted[0]} to ${sorted.at(-1)} s (${sorted.length} runs)`;
}

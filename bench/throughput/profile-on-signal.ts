/**
 * Loaded into a node process with `--import <this file>?out=<file>`: SIGUSR2 begins a CPU profile, the next one ends it
 * and writes it. So a profile holds the load and nothing of the start. Each thread of the node has its own profile: that of
 * the main thread is `<file>`, that of a client plane `<file>.<name of the plane>`. The main thread's is written last.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector';
import { BroadcastChannel, isMainThread, workerData } from 'node:worker_threads';

/** Each sample is a signal to the process. */
const SAMPLING_INTERVAL_US = 500;
/** The workers write theirs in this time. */
const WORKERS_MS = 1500;

const place = new URL(import.meta.url).searchParams.get('out') ?? 'node.cpuprofile';
const out = isMainThread ? place : `${place}.${(workerData as { plane?: string } | null)?.plane}`;
const session = new Session();
let running = false;

function turn(): void {
  if (running) session.post('Profiler.stop', (error, answer) => keep(error, answer.profile));
  else {
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US });
    session.post('Profiler.start');
  }
  running = !running;
}

const channel = new BroadcastChannel('skein-profile');
channel.unref();
if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage(null);
    if (running) setTimeout(turn, WORKERS_MS);
    else turn();
  });
} else channel.onmessage = turn;

function keep(error: Error | null, profile: Profiler.Profile): void {
  if (error) throw error;
  session.disconnect();
  // Under its name only when it is whole: that is what the bench waits for.
  writeFileSync(`${out}.new`, JSON.stringify(profile));
  renameSync(`${out}.new`, out);
}

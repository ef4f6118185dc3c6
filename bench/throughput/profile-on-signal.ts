/**
 * Loaded into a node process with `--import <this file>?out=<file>`: SIGUSR2 begins a CPU profile, the next one ends it
 * and writes it. So a profile holds the load and nothing of the start.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector';

/** Each sample is a signal to the process. */
const SAMPLING_INTERVAL_US = 500;

const out = new URL(import.meta.url).searchParams.get('out') ?? 'node.cpuprofile';
const session = new Session();
let running = false;

process.on('SIGUSR2', () => {
  if (running) session.post('Profiler.stop', (error, answer) => keep(error, answer.profile));
  else {
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US });
    session.post('Profiler.start');
  }
  running = !running;
});

function keep(error: Error | null, profile: Profiler.Profile): void {
  if (error) throw error;
  session.disconnect();
  // Under its name only when it is whole: that is what the bench waits for.
  writeFileSync(`${out}.new`, JSON.stringify(profile));
  renameSync(`${out}.new`, out);
}

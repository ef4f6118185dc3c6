import { expect, it } from 'vitest';
import { WatchedProcess } from './watched-process.js';

const started = (script: string) => new WatchedProcess('The demo', ['-e', script], process.env);
const forever = () => new Promise<never>(() => {});
const READY = "console.log('is ready');";

it('work goes on as long as the process runs', async () => {
  const demo = started(`${READY} setInterval(() => {}, 1000)`);
  await demo.saying('is ready');
  expect([await demo.during(Promise.resolve(7)), demo.runs]).toEqual([7, true]);
  await demo.stop();
  expect(demo.runs).toBe(false);
});

it('the end of the process in the middle ends the work, with what it said last', async () => {
  const demo = started(
    `${READY} setTimeout(() => { console.error('the disk broke'); process.exitCode = 3 }, 50)`,
  );
  await demo.saying('is ready');
  const ended = demo.during(forever());
  await expect(ended).rejects.toThrow(
    /^The demo has ended in the middle \(exit code 3\)\..*\n[\s\S]*the disk broke/,
  );
  await demo.stop();
});

it('so does its end before it is ready, and a signal is named', async () => {
  const silent = started("console.error('no port is free'); process.exitCode = 1");
  await expect(silent.saying('is ready')).rejects.toThrow(/exit code 1[\s\S]*no port is free/);
  const killed = started("process.kill(process.pid, 'SIGKILL')");
  await expect(killed.during(forever())).rejects.toThrow('SIGKILL');
});

it('what fails because the process ends is not told instead of its end', async () => {
  const demo = started(
    `${READY} setTimeout(() => { console.error('out of memory'); process.exitCode = 3 }, 50)`,
  );
  await demo.saying('is ready');
  await expect(demo.during(Promise.reject(new Error('fetch failed')))).rejects.toThrow('out of memory');
  const other = started(`${READY} setInterval(() => {}, 1000)`);
  await other.saying('is ready');
  await expect(other.during(Promise.reject(new Error('fetch failed')))).rejects.toThrow('fetch failed');
  await other.stop();
});

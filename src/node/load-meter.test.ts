import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { Histogram } from '../std/histogram.js';
import { LoadMeter } from './load-meter.js';

function meterOf(options: { serverPid?: number } = {}) {
  const state = { nowMs: 0, waits: null as Histogram | null };
  const meter = new LoadMeter({
    nowMs: () => state.nowMs,
    serverPid: () => options.serverPid ?? null,
    spoolBytes: () => 77,
    commitWaits: () => state.waits,
  });
  return { meter, state };
}

it('knows nothing before a second has passed, and then the size of the spool and the CPU time', () => {
  const { meter, state } = meterOf();
  meter.measure();
  expect(meter.current).toBe(null);
  const busyUntil = performance.now() + 100;
  while (performance.now() < busyUntil);
  state.nowMs = 1_000;
  meter.measure();
  expect(meter.current).toMatchObject({ spoolBytes: 77, commitWaitMs: null });
  expect(meter.current?.cpuPercent).toBeGreaterThan(0);
});

it('counts the CPU time of the server', async () => {
  const busy = spawn(process.execPath, ['-e', 'for (;;);']);
  try {
    const { meter, state } = meterOf({ serverPid: busy.pid ?? 0 });
    meter.measure();
    const own = process.cpuUsage();
    // It begins after a moment; then it takes what it can get.
    await until('the server has run', () => {
      state.nowMs += 1;
      meter.measure();
      const { user, system } = process.cpuUsage(own);
      return (meter.current?.cpuPercent ?? 0) > 100 + (user + system) / 10;
    });
  } finally {
    busy.kill('SIGKILL');
  }
});

it('has the average wait of the commits of the last second, of this term as the primary', () => {
  const { meter, state } = meterOf();
  state.waits = new Histogram([0.001, 1]);
  state.waits.observe(0.5, 10);
  meter.measure();
  state.waits.observe(0.002, 3);
  state.waits.observe(0.006, 1);
  meter.measure();
  expect(meter.current?.commitWaitMs).toBe(3);
  meter.measure();
  expect(meter.current?.commitWaitMs).toBe(null);
  // Another term: what waited before is not of this second.
  state.waits = new Histogram([0.001, 1]);
  state.waits.observe(0.5, 10);
  meter.measure();
  expect(meter.current?.commitWaitMs).toBe(null);
});

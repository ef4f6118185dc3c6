import { describe, expect, it } from 'vitest';
import { HangDetector, LOOK_INTERVAL_MS } from './hang-detector.js';

/** Looks each second; `touched`: the loop turned since the last look; `cpu`: share of the time that it got. */
function watch(
  seconds: readonly { touched?: boolean; cpu?: number; runnable?: boolean; gapMs?: number }[],
): (number | null)[] {
  const judge = new HangDetector(5000);
  let [nowMs, cpuMs, turns] = [0, 0, 0];
  return seconds.map(({ touched = false, cpu = 0, runnable = false, gapMs = LOOK_INTERVAL_MS }) => {
    nowMs += gapMs;
    cpuMs += gapMs * cpu;
    if (touched) turns++;
    return judge.look({ nowMs, touch: String(turns), cpuMs, runnable });
  });
}
const times = <T>(count: number, look: T): T[] => Array.from({ length: count }, () => look);
const firstHang = (found: (number | null)[]) => found.findIndex((silentMs) => silentMs !== null);

describe('a node that turns its loop', () => {
  it('never hangs, however busy', () => {
    expect(firstHang(watch(times(100, { touched: true, cpu: 1, runnable: true })))).toBe(-1);
  });

  it('nor with pauses below the limit', () => {
    expect(firstHang(watch(times(20, [{ touched: true }, ...times(4, {})]).flat()))).toBe(-1);
  });
});

describe('a node hangs after five seconds', () => {
  it('that it spins in', () => {
    const found = watch([{ touched: true }, ...times(6, { cpu: 1, runnable: true })]);
    expect(found).toEqual([null, null, null, null, null, 5000, 6000]);
  });

  it('that it sleeps or is stopped in', () => {
    expect(firstHang(watch([{ touched: true }, ...times(6, {})]))).toBe(5);
  });

  it('from the first look on, when it was found hanging', () => {
    expect(firstHang(watch(times(7, {})))).toBe(5);
  });
});

it('a machine that was suspended, or a supervisor that was not let run, costs no node', () => {
  const asleep = { gapMs: 3_600_000 };
  expect(firstHang(watch([{ touched: true }, asleep, ...times(4, {}), { touched: true }]))).toBe(-1);
  // Also again and again, as on a saturated machine.
  expect(firstHang(watch(times(50, { gapMs: 4000 })))).toBe(-1);
});

it('a node that could run and is not let has 30 seconds', () => {
  expect(firstHang(watch([{ touched: true }, ...times(40, { cpu: 0.1, runnable: true })]))).toBe(30);
});

it('a node that has not begun to show its turns is not judged', () => {
  const judge = new HangDetector(5000);
  for (let nowMs = 0; nowMs < 60_000; nowMs += 1000) {
    expect(judge.look({ nowMs, touch: null, cpuMs: nowMs, runnable: true })).toBeNull();
  }
});

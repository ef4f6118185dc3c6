import { describe, expect, test } from 'vitest';
import { LagMeter, type LagOptions } from './lag.js';

const HOUR = 3_600_000;

/** A primary and a replica, each with its own clocks. `t` is the true time. */
function world(options: { wallSkewMs?: number; delayMs?: number } & Partial<LagOptions> = {}) {
  let t = 0;
  let skewMs = options.wallSkewMs ?? 0;
  const delayMs = options.delayMs ?? 0;
  const wall = () => 1_800_000_000_000 + t + skewMs;
  // The two monotonic clocks start at different values.
  const now = () => 5000 + t;
  const meter = new LagMeter(options, { nowMs: now(), wallMs: 1_800_000_000_000 });
  return {
    meter,
    now,
    pass: (ms: number) => {
      t += ms;
    },
    setPrimaryClock: (byMs: number) => {
      skewMs += byMs;
    },
    /** A heartbeat of the primary whose network delay is `extraMs` longer than usual. */
    heartbeat: (head: number, extraMs = 0) =>
      meter.heard({ sentAtMs: wall() - delayMs - extraMs, uptimeMs: t - delayMs - extraMs }, head, now()),
    received: (ordinal: number) => meter.received(ordinal, wall() - delayMs, now()),
    lag: (applied: number) => meter.lagMs(applied, now()),
  };
}

test('nothing is known before the first heartbeat', () => {
  expect(world().lag(0)).toBeNull();
});

test('the lag of a caught-up replica is 0, even after a long idle time', () => {
  const w = world();
  for (let i = 0; i < 1000; i++) {
    w.heartbeat(7);
    w.pass(500);
    expect(w.lag(7)).toBe(0);
  }
});

describe.each([0, 5 * HOUR, -5 * HOUR])('with clocks %d ms apart', (wallSkewMs) => {
  test('the lag is the age of the oldest transaction that is not applied', () => {
    const w = world({ wallSkewMs });
    w.heartbeat(0);
    w.received(1);
    w.pass(100);
    w.received(2);
    w.pass(50);
    expect(w.lag(0)).toBe(150);
    expect(w.lag(1)).toBe(50);
    expect(w.lag(2)).toBe(0);
  });

  test('an idle hour does not count as lag of the next transaction', () => {
    const w = world({ wallSkewMs });
    w.heartbeat(0);
    w.received(1);
    expect(w.lag(1)).toBe(0);
    w.pass(HOUR);
    w.heartbeat(1);
    w.received(2);
    w.pass(10);
    expect(w.lag(1)).toBe(10);
  });

  test('the offset follows the shortest network delay of the window, and slow heartbeats do not move it', () => {
    const w = world({ wallSkewMs, delayMs: 2 });
    for (const extraMs of [30, 0, 400, 25]) {
      w.heartbeat(0, extraMs);
      w.pass(500);
    }
    w.received(1);
    w.pass(10);
    // The shortest network delay, 2 ms, cannot be told apart from the offset.
    expect(w.lag(0)).toBe(10);
  });
});

describe('the clock of the primary is set', () => {
  test.each([HOUR, -HOUR])('by %d ms: right again with the next heartbeat', (byMs) => {
    const w = world();
    w.heartbeat(0);
    w.received(1);
    w.pass(100);
    w.setPrimaryClock(byMs);
    w.heartbeat(1);
    expect(w.lag(0)).toBe(100);
    w.received(2);
    w.pass(20);
    expect(w.lag(0)).toBe(120);
    expect(w.lag(1)).toBe(20);
  });

  test.each([HOUR, -HOUR])(
    'by %d ms: what comes before that heartbeat is never of the future nor too old',
    (byMs) => {
      const w = world();
      w.heartbeat(0);
      w.received(1);
      w.pass(100);
      w.setPrimaryClock(byMs);
      w.received(2);
      w.pass(20);
      expect(w.lag(1)).toBeGreaterThanOrEqual(0);
      expect(w.lag(1)).toBeLessThanOrEqual(120);
    },
  );

  test('forwards, between two heartbeats: the lag is right after the next heartbeat', () => {
    const w = world();
    w.heartbeat(0);
    w.setPrimaryClock(HOUR);
    w.received(1);
    w.heartbeat(1);
    w.pass(30);
    w.received(2);
    w.pass(50);
    expect(w.lag(0)).toBe(80);
    expect(w.lag(1)).toBe(50);
  });

  test('backwards, while caught up: the lag is not an hour', () => {
    const w = world();
    w.heartbeat(0);
    w.received(1);
    expect(w.lag(1)).toBe(0);
    w.pass(100);
    w.setPrimaryClock(-HOUR);
    w.received(2);
    w.pass(20);
    expect(w.lag(1)).toBeLessThanOrEqual(120);
  });

  test('another process of the primary, whose monotonic clock starts again, counts as a new clock', () => {
    const w = world();
    w.heartbeat(0);
    w.pass(1000);
    w.meter.heard({ sentAtMs: 1_700_000_000_000, uptimeMs: 3 }, 0, w.now());
    w.meter.received(1, 1_700_000_000_000, w.now());
    w.pass(7);
    expect(w.lag(0)).toBe(7);
  });
});

test('with a silent link, the lag counts from the last time at which the replica was known to be caught up', () => {
  const w = world();
  w.heartbeat(3);
  expect(w.lag(3)).toBe(0);
  w.pass(1500);
  expect(w.lag(3)).toBe(0);
  w.pass(1);
  expect(w.lag(3)).toBe(1501);
  w.pass(60_000);
  expect(w.lag(3)).toBe(61_501);
  w.heartbeat(3);
  expect(w.lag(3)).toBe(0);
});

test('when the primary has more than has arrived, the lag counts from the last record that arrived', () => {
  const w = world();
  w.heartbeat(0);
  expect(w.lag(0)).toBe(0);
  w.pass(400);
  w.received(1);
  w.pass(100);
  w.heartbeat(50);
  w.pass(30);
  expect(w.lag(1)).toBe(130);
});

test('a heartbeat that waited behind data does not make the replica look caught up', () => {
  const w = world();
  w.heartbeat(0);
  w.lag(0);
  w.pass(8000);
  w.heartbeat(0, 8000);
  expect(w.lag(0)).toBe(8000);
});

test('markers after the cut of a spool are forgotten', () => {
  const w = world();
  w.heartbeat(0);
  for (let i = 1; i <= 5; i++) w.received(i);
  w.pass(100);
  w.meter.cut(3);
  w.heartbeat(3);
  expect(w.lag(3)).toBe(0);
  w.received(4);
  w.pass(10);
  expect(w.lag(3)).toBe(10);
});

test('memory is bounded, and the lag of a long backlog is wrong by at most a hundredth of its age', () => {
  const w = world({ markersMax: 256 });
  w.heartbeat(0);
  const readAt: number[] = [0];
  let ms = 0;
  for (let i = 1; i <= 50_000; i++) {
    readAt[i] = ms;
    w.received(i);
    const gap = i % 7;
    ms += gap;
    w.pass(gap);
  }
  for (let applied = 0; applied < 50_000; applied += 997) {
    const exact = ms - (readAt[applied + 1] ?? 0);
    const lag = w.lag(applied) ?? -1;
    expect(lag).toBeGreaterThanOrEqual(exact);
    expect(lag - exact).toBeLessThanOrEqual(ms / 100);
  }
  w.heartbeat(50_000);
  expect(w.lag(50_000)).toBe(0);
});

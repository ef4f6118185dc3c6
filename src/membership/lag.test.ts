import { describe, expect, test } from 'vitest';
import { LagMeter, type LagOptions } from './lag.js';

const HOUR = 3_600_000;

/** A primary and a replica with clocks of their own; `t` is true time. */
function world(options: { wallSkewMs?: number; delayMs?: number } & Partial<LagOptions> = {}) {
  let t = 0;
  let skewMs = options.wallSkewMs ?? 0;
  const delayMs = options.delayMs ?? 0;
  const wall = () => 1_800_000_000_000 + t + skewMs;
  // The replica's monotonic clock starts somewhere else than the primary's.
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
    /** The primary's heartbeat, `extraMs` longer on its way than usual. */
    heartbeat: (head: number, extraMs = 0) =>
      meter.heard({ sentAtMs: wall() - delayMs - extraMs, uptimeMs: t - delayMs - extraMs }, head, now()),
    received: (ordinal: number) => meter.received(ordinal, wall() - delayMs, now()),
    lag: (applied: number) => meter.lagMs(applied, now()),
  };
}

test('nothing is known before the first heartbeat', () => {
  expect(world().lag(0)).toBeNull();
});

test('level is 0, also when idle for long', () => {
  const w = world();
  for (let i = 0; i < 1000; i++) {
    w.heartbeat(7);
    w.pass(500);
    expect(w.lag(7)).toBe(0);
  }
});

describe.each([0, 5 * HOUR, -5 * HOUR])('with clocks %d ms apart', (wallSkewMs) => {
  test('the age of the oldest that is not applied', () => {
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

  test('an idle hour is not counted as lag of what comes after it', () => {
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

  test('the shortest journey of the window is taken out; slow heartbeats do not move the offset', () => {
    const w = world({ wallSkewMs, delayMs: 2 });
    for (const extraMs of [30, 0, 400, 25]) {
      w.heartbeat(0, extraMs);
      w.pass(500);
    }
    w.received(1);
    w.pass(10);
    // What cannot be told apart from the offset is the shortest journey itself: 2 ms.
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

  test('forwards, between two heartbeats: what comes after the next one counts right', () => {
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

  test('backwards, while level: no lag of an hour', () => {
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

  test('another primary process (its monotonic clock starts again) counts as a new clock', () => {
    const w = world();
    w.heartbeat(0);
    w.pass(1000);
    w.meter.heard({ sentAtMs: 1_700_000_000_000, uptimeMs: 3 }, 0, w.now());
    w.meter.received(1, 1_700_000_000_000, w.now());
    w.pass(7);
    expect(w.lag(0)).toBe(7);
  });
});

test('a silent link: grows from the last moment at which it was known to be level', () => {
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

test('the primary has more than has come: counts from the last that has come', () => {
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

test('a heartbeat that waited behind data does not make the replica look level', () => {
  const w = world();
  w.heartbeat(0);
  w.lag(0);
  w.pass(8000);
  w.heartbeat(0, 8000);
  expect(w.lag(0)).toBe(8000);
});

test('a cut spool forgets the markers behind the cut', () => {
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

test('memory is bounded, and a long backlog is off by no more than a hundredth of its age', () => {
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

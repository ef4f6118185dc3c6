import { expect, it } from 'vitest';
import { HangJudge, LOOK_INTERVAL_MS, type ServerLook } from './hang-judge.js';

const LIMIT_MS = 10_000;

/** Looks at a server again and again. Returns the silence of the look at which it counts as hung; null = at none. */
function hungAfter(
  lookAt: (atMs: number) => Partial<ServerLook>,
  { forMs = 120_000, stepMs = LOOK_INTERVAL_MS }: { forMs?: number; stepMs?: number } = {},
): number | null {
  const judge = new HangJudge(LIMIT_MS);
  for (let atMs = 0; atMs <= forMs; atMs += stepMs) {
    const { isHung, silentMs } = judge.look({
      ...{ nowMs: 1_000 + atMs, signs: 0, isClosed: false, cpuMs: 0, runnable: false },
      ...lookAt(atMs),
    });
    if (isHung) return silentMs;
  }
  return null;
}

it('a server that says and does nothing hangs when the limit is over', () => {
  expect(hungAfter(() => ({}))).toBe(LIMIT_MS);
  // The background threads of a server that serves nobody.
  expect(hungAfter((atMs) => ({ cpuMs: 0.01 * atMs }))).toBe(LIMIT_MS);
  expect(hungAfter((atMs) => ({ runnable: atMs % 3_000 === 0 }))).toBe(LIMIT_MS);
});

it('any sign of it begins the limit anew', () => {
  expect(hungAfter((atMs) => ({ signs: Math.floor(atMs / 9_500) }))).toBeNull();
  expect(hungAfter((atMs) => ({ signs: Math.min(3, Math.floor(atMs / 9_500)) }))).toBe(LIMIT_MS);
});

it('one that uses its cores, or waits for one, has six times the limit', () => {
  expect(hungAfter((atMs) => ({ cpuMs: 0.3 * atMs }))).toBe(6 * LIMIT_MS);
  expect(hungAfter((atMs) => ({ runnable: atMs % 1_500 !== 0 }))).toBe(6 * LIMIT_MS);
});

it('one that is starting or ending never hangs, however long that takes', () => {
  expect(hungAfter(() => ({ isClosed: true }), { forMs: 3_600_000 })).toBeNull();
  expect(hungAfter((atMs) => ({ isClosed: atMs < 60_000 }))).toBe(LIMIT_MS);
});

it('time in which the node itself did not run does not count', () => {
  expect(hungAfter(() => ({}), { stepMs: 4_000 })).toBeNull();
  const judge = new HangJudge(LIMIT_MS);
  const look = (nowMs: number) => judge.look({ nowMs, signs: 0, isClosed: false, cpuMs: 0, runnable: false });
  for (let atMs = 0; atMs < 9_500; atMs += LOOK_INTERVAL_MS) look(atMs);
  // What the server has said meanwhile is not read yet.
  expect(look(11_500)).toMatchObject({ silentMs: 11_500, isHung: false });
  expect(look(12_000)).toMatchObject({ silentMs: 12_000, isHung: true });
  expect(look(3_600_000)).toMatchObject({ silentMs: 0, isHung: false });
});

import { expect, it } from 'vitest';
import { type DiskStall, SyncWritePolicy } from './sync-write-policy.js';

function at(clock = { ms: 1000 }, disk: DiskStall = { restUntilMs: 0 }) {
  const policy = new SyncWritePolicy(() => clock.ms, disk);
  const wait = (ms: number) => {
    const began = clock.ms;
    clock.ms += ms;
    policy.waited(began);
  };
  return { clock, policy, wait };
}

it('waits for a quick disk each time', () => {
  const { policy, wait } = at();
  for (let i = 0; i < 100; i++) {
    expect(policy.allows()).toBe(true);
    wait(0.3);
  }
});

it('leaves a slow disk to the pool, each time for longer, a minute at most', () => {
  const { clock, policy, wait } = at();
  const rests: number[] = [];
  for (let waits = 0; waits < 30; waits++) {
    wait(8);
    const from = clock.ms;
    while (!policy.allows()) clock.ms += 1;
    if (clock.ms > from) rests.push(clock.ms - from);
  }
  // Twenty times the wait before, and then twice the rest before.
  expect(rests.slice(0, 5)).toEqual([160, 160, 200, 400, 800]);
  expect(rests.at(-1)).toBe(60_000);
});

it.each([5, 20, 100, 3000])(
  'lets answers of %d ms cost the loop a few of them at first, and a twentieth of its time then',
  (tookMs) => {
    const { clock, policy, wait } = at();
    const from = clock.ms;
    let lostMs = 0;
    while (clock.ms - from < 600_000) {
      if (policy.allows()) {
        wait(tookMs);
        lostMs += tookMs;
      } else {
        clock.ms += 1;
      }
    }
    expect(lostMs).toBeLessThan(20 + tookMs + (clock.ms - from) / 20);
  },
);

it('does not mind a slow answer among quick ones', () => {
  const { policy, wait } = at();
  for (let i = 0; i < 100; i++) wait(i % 3 === 0 ? 6 : 0.2);
  expect(policy.allows()).toBe(true);
});

it('comes back to a disk that is quick again', () => {
  const { clock, policy, wait } = at();
  for (let i = 0; i < 10; i++) {
    wait(8);
    while (!policy.allows()) clock.ms += 1;
  }
  for (let i = 0; i < 10; i++) wait(0.2);
  expect(policy.allows()).toBe(true);
});

it('lets the loop wait once for a disk that stands still, not once for each file', () => {
  const clock = { ms: 1000 };
  const disk: DiskStall = { restUntilMs: 0 };
  const [one, other] = [at(clock, disk), at(clock, disk)];
  one.wait(500);
  expect([one.policy.allows(), other.policy.allows()]).toEqual([false, false]);
  clock.ms += 10_000;
  expect([one.policy.allows(), other.policy.allows()]).toEqual([true, true]);
  one.wait(30);
  expect([one.policy.allows(), other.policy.allows()]).toEqual([false, true]);
});

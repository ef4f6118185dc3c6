import { expect, it } from 'vitest';
import { Patience } from './patience.js';

function at(start = 1000) {
  const clock = { ms: start };
  const patience = new Patience(() => clock.ms);
  const wait = (ms: number) => {
    const began = clock.ms;
    clock.ms += ms;
    patience.waited(began);
  };
  return { clock, patience, wait };
}

it('waits for a quick disk each time', () => {
  const { patience, wait } = at();
  for (let i = 0; i < 100; i++) {
    expect(patience.allows()).toBe(true);
    wait(0.3);
  }
});

it('leaves a slow disk to the pool, each time for longer, a minute at most', () => {
  const { clock, patience, wait } = at();
  const rests: number[] = [];
  for (let i = 0; i < 14; i++) {
    wait(8);
    const from = clock.ms;
    while (!patience.allows()) clock.ms += 1;
    rests.push(clock.ms - from);
  }
  expect(rests.slice(0, 4)).toEqual([50, 100, 200, 400]);
  expect(Math.max(...rests)).toBe(60_000);
});

it('forgives one slow answer among quick ones', () => {
  const { clock, patience, wait } = at();
  wait(20);
  expect(patience.allows()).toBe(false);
  clock.ms += 50;
  wait(0.2);
  wait(20);
  clock.ms += 50;
  expect(patience.allows()).toBe(true);
});

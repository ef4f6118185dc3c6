import { expect, it } from 'vitest';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { Gather } from './gather.js';

function gathering() {
  const clock = new VirtualClock();
  const done: { atMs: number; many: boolean }[] = [];
  const began = clock.nowMs();
  const gather = new Gather(10, (many) => done.push({ atMs: clock.nowMs() - began, many }), clock);
  return { clock, gather, done };
}

it('does at once what is asked for now and then', () => {
  const { clock, gather, done } = gathering();
  gather.ask();
  clock.pass(20);
  gather.ask();
  expect(done).toEqual([
    { atMs: 0, many: false },
    { atMs: 20, many: false },
  ]);
});

it('does once, after its wait, what is asked for in a flow', () => {
  const { clock, gather, done } = gathering();
  for (let ms = 0; ms < 30; ms++) {
    gather.ask();
    clock.pass(1);
  }
  expect(done).toEqual([
    { atMs: 0, many: false },
    { atMs: 11, many: true },
    { atMs: 21, many: true },
  ]);
  expect(gather.waiting).toBe(true);
});

it('forgets what was asked for when it is stopped, and goes on afterwards', () => {
  const { clock, gather, done } = gathering();
  gather.ask();
  clock.pass(1);
  gather.ask();
  gather.stop();
  clock.pass(100);
  gather.ask();
  expect(done.map(({ atMs }) => atMs)).toEqual([0, 101]);
});

import { expect, it } from 'vitest';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { Batcher } from './batcher.js';

function batching() {
  const clock = new VirtualClock();
  const done: { atMs: number; many: boolean }[] = [];
  const began = clock.nowMs();
  const batcher = new Batcher(10, (many) => done.push({ atMs: clock.nowMs() - began, many }), clock);
  return { clock, batcher, done };
}

it('does at once what is asked for now and then', () => {
  const { clock, batcher, done } = batching();
  batcher.ask();
  clock.pass(20);
  batcher.ask();
  expect(done).toEqual([
    { atMs: 0, many: false },
    { atMs: 20, many: false },
  ]);
});

it('does once, after its wait, what is asked for in a flow', () => {
  const { clock, batcher, done } = batching();
  for (let ms = 0; ms < 30; ms++) {
    batcher.ask();
    clock.pass(1);
  }
  expect(done).toEqual([
    { atMs: 0, many: false },
    { atMs: 11, many: true },
    { atMs: 21, many: true },
  ]);
  expect(batcher.waiting).toBe(true);
});

it('forgets what was asked for when it is stopped, and goes on afterwards', () => {
  const { clock, batcher, done } = batching();
  batcher.ask();
  clock.pass(1);
  batcher.ask();
  batcher.stop();
  clock.pass(100);
  batcher.ask();
  expect(done.map(({ atMs }) => atMs)).toEqual([0, 101]);
});

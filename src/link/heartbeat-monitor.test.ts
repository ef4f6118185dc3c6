import { expect, it } from 'vitest';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { HeartbeatMonitor } from './heartbeat-monitor.js';

function beating() {
  const clock = new VirtualClock();
  const state = { beats: 0, heardAtMs: clock.nowMs(), listening: true, silent: [] as number[] };
  const heart: HeartbeatMonitor = new HeartbeatMonitor(
    { intervalMs: 100, goneAfterMs: 1000 },
    {
      clock,
      beat: () => void state.beats++,
      heardAtMs: () => state.heardAtMs,
      listening: () => state.listening,
      silent: (ms) => {
        state.silent.push(ms);
        heart.stop();
      },
    },
  );
  heart.start();
  return { clock, state, heart };
}

it('beats at once and at every interval, until it is stopped', () => {
  const { clock, state, heart } = beating();
  clock.pass(499);
  expect(state.beats).toBe(5);
  heart.stop();
  clock.pass(5000);
  expect([state.beats, state.silent]).toEqual([5, []]);
});

it('notices silence once, at the interval after which it has lasted long enough', () => {
  const { clock, state } = beating();
  clock.pass(999);
  expect(state.silent).toEqual([]);
  clock.pass(5000);
  expect(state.silent).toEqual([1000]);
});

it('takes the time in which we did not listen for no silence of the peer', () => {
  const { clock, state } = beating();
  state.listening = false;
  clock.pass(5000);
  state.listening = true;
  clock.pass(900);
  expect(state.silent).toEqual([]);
  clock.pass(100);
  expect(state.silent).toEqual([1000]);
});

it('takes the time in which this process had no turn for no silence of the peer', () => {
  const { clock, state } = beating();
  clock.stall(5000);
  clock.pass(0);
  expect(state.silent).toEqual([]);
  clock.pass(900);
  expect(state.silent.length).toBe(1);
});

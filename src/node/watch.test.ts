import { expect, it } from 'vitest';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import type { LocalControl, ServerReading } from '../roles/local-server.js';
import type { RoleNode } from '../roles/role-node.js';
import { silentLogger } from '../std/logger.js';
import { ServerWatch } from './watch.js';

function watching() {
  const clock = new VirtualClock();
  const state = { asked: 0, told: 0, upkeeps: 0, busy: false, fails: false, answer: () => {} };
  const control = {
    status: () => {
      state.asked++;
      if (state.fails) return Promise.reject(new Error('it does not answer'));
      return new Promise<ServerReading>((resolve) => {
        state.answer = () => resolve({} as ServerReading);
      });
    },
  };
  const watch = new ServerWatch(
    { intervalMs: 1000 },
    {
      logger: silentLogger,
      clock,
      control: control as unknown as LocalControl,
      role: { watch: () => void state.told++ } as unknown as RoleNode,
      upkeep: [async () => void state.upkeeps++],
      busy: () => state.busy,
    },
  );
  const answered = async () => {
    state.answer();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  watch.start();
  clock.pass(0);
  return { clock, state, watch, answered };
}

it('runs one query at a time, and the next one an interval after the answer', async () => {
  const { clock, state, answered } = watching();
  clock.pass(5000);
  expect([state.asked, state.told]).toEqual([1, 0]);
  await answered();
  clock.pass(999);
  expect([state.asked, state.told]).toEqual([1, 1]);
  clock.pass(1);
  expect(state.asked).toBe(2);
});

it('polls more often while transactions wait to be applied; the upkeep keeps its interval', async () => {
  const { clock, state, answered } = watching();
  state.busy = true;
  for (let i = 0; i < 20; i++) {
    await answered();
    clock.pass(100);
  }
  expect([state.asked, state.upkeeps]).toEqual([21, 2]);
});

it('continues after a failed query, and stops on demand, even during a query', async () => {
  const { clock, state, watch, answered } = watching();
  state.fails = true;
  await answered();
  clock.pass(1000);
  await answered();
  state.fails = false;
  clock.pass(1000);
  expect(state.asked).toBe(3);
  watch.stop();
  await answered();
  clock.pass(5000);
  expect([state.asked, state.told]).toEqual([3, 1]);
});

it('looks at once when somebody waits for it, once more after a query that is under way', async () => {
  const { clock, state, watch, answered } = watching();
  watch.lookNow();
  watch.lookNow();
  clock.pass(0);
  expect(state.asked).toBe(1);
  await answered();
  clock.pass(0);
  expect(state.asked).toBe(2);
  await answered();
  clock.pass(10);
  expect(state.asked).toBe(2);
  watch.lookNow();
  clock.pass(0);
  expect(state.asked).toBe(3);
});

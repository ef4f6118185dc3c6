import type { Connection } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { sleep } from '../std/signal.js';
import { FreshReads } from './fresh-reads.js';

/** A primary that is asked, with its answers in the test's hands. */
function primary() {
  const asked: Array<{ answer(position: string): void; fail(): void }> = [];
  const state = { sessions: 0, destroyed: 0 };
  const connect = () => {
    state.sessions++;
    const query = () =>
      new Promise((resolve, reject) => {
        asked.push({
          answer: (position) => resolve([[{ position }], []]),
          fail: () => reject(new Error('the session ended')),
        });
      });
    const destroy = () => {
      state.destroyed++;
    };
    return Promise.resolve({ query, destroy } as unknown as Connection);
  };
  return { asked, state, connect };
}

function reads(waitMs = 5_000, applied = true) {
  const waited: string[] = [];
  const { asked, state, connect } = primary();
  const fresh = new FreshReads(
    { waitMs },
    {
      connect,
      waitApplied: (gtid) => {
        waited.push(gtid);
        return Promise.resolve(applied);
      },
    },
  );
  return { fresh, asked, state, waited };
}

const turn = () => sleep(5);

it('one question serves all who came before it was asked; who comes later waits for the next', async () => {
  const { fresh, asked, state, waited } = reads();
  const first = fresh.wait();
  await turn();
  const later = [fresh.wait(), fresh.wait()];
  await turn();
  expect(asked).toHaveLength(1);
  asked[0]?.answer('0-1000001-7');
  expect(await first).toBe(true);
  await turn();
  expect(asked).toHaveLength(2);
  asked[1]?.answer('5-1-1,0-1000001-9');
  expect(await Promise.all(later)).toEqual([true, true]);
  expect(waited).toEqual(['0-1000001-7', '0-1000001-9', '0-1000001-9']);
  expect(state).toEqual({ sessions: 1, destroyed: 0 });
});

it('an empty log is reached; what is not applied in time is not', async () => {
  const { fresh, asked, waited } = reads(5_000, false);
  const first = fresh.wait();
  await turn();
  asked[0]?.answer('');
  expect(await first).toBe(true);
  const second = fresh.wait();
  await turn();
  asked[1]?.answer('0-1-1');
  expect(await second).toBe(false);
  expect(waited).toEqual(['0-1-1']);
});

it('a primary that fails or does not answer is asked again on another session', async () => {
  const { fresh, asked, state } = reads(60);
  const failed = fresh.wait();
  await turn();
  const behind = fresh.wait();
  asked[0]?.fail();
  expect(await failed).toBe(false);
  // Nobody answers this one.
  expect(await behind).toBe(false);
  await sleep(80);
  const third = fresh.wait();
  await turn();
  asked[2]?.answer('0-1-3');
  expect(await third).toBe(true);
  expect(state.sessions).toBe(3);
});

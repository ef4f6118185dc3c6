import { expect, it } from 'vitest';
import { throughout, until } from '../../test/kit/until.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { Connection } from '../mysql-client/connection.js';
import { FreshReads } from './fresh-reads.js';

interface Question {
  answer(position: string): void;
  fail(): void;
}

/** A primary that is asked, with its answers in the test's hands. */
function primary() {
  const asked: Question[] = [];
  const state = { sessions: 0, destroyed: 0 };
  const connect = () => {
    state.sessions++;
    const query = () =>
      new Promise((resolve, reject) => {
        asked.push({
          answer: (position) => resolve([[position]]),
          fail: () => reject(new Error('the session ended')),
        });
      });
    const destroy = () => {
      state.destroyed++;
    };
    return Promise.resolve({ query, destroy, broken: null } as unknown as Connection);
  };
  return { asked, state, connect };
}

function reads(waitMs = 5_000, applied = true) {
  const waited: number[] = [];
  const { asked, state, connect } = primary();
  const fresh = new FreshReads(
    { waitMs },
    {
      connect,
      flavour: mariadb,
      waitApplied: (ordinal) => {
        waited.push(ordinal);
        return Promise.resolve(applied);
      },
    },
  );
  return { fresh, asked, state, waited };
}

/** The newest of so many questions. */
async function asks(asked: Question[], count: number): Promise<Question> {
  await until(`${count} questions`, () => asked.length >= count, { intervalMs: 1 });
  expect(asked).toHaveLength(count);
  return asked[count - 1] as Question;
}

it('one question serves all who came before it was asked; who comes later waits for the next', async () => {
  const { fresh, asked, state, waited } = reads();
  const first = fresh.wait();
  const question = await asks(asked, 1);
  const later = [fresh.wait(), fresh.wait()];
  await throughout('no second question is asked beside the first', 30, () => asked.length === 1);
  question.answer('0-1000001-7');
  expect(await first).toBe(true);
  (await asks(asked, 2)).answer('5-1-1,0-1000001-9');
  expect(await Promise.all(later)).toEqual([true, true]);
  expect(waited).toEqual([7, 9, 9]);
  expect(state).toEqual({ sessions: 1, destroyed: 0 });
});

it('says when it was not applied in time', async () => {
  const { fresh, asked, waited } = reads(5_000, false);
  const first = fresh.wait();
  (await asks(asked, 1)).answer('');
  expect(await first).toBe(false);
  const second = fresh.wait();
  (await asks(asked, 2)).answer('0-1-1');
  expect(await second).toBe(false);
  expect(waited).toEqual([0, 1]);
});

it('a primary that fails or does not answer is asked again on another session', async () => {
  const { fresh, asked, state } = reads(3_000);
  const failed = fresh.wait();
  const question = await asks(asked, 1);
  const behind = fresh.wait();
  question.fail();
  expect(await failed).toBe(false);
  // Nobody answers this one.
  await asks(asked, 2);
  expect(await behind).toBe(false);
  await until('its session is given up', () => state.destroyed === 2, { intervalMs: 5 });
  const third = fresh.wait();
  (await asks(asked, 3)).answer('0-1-3');
  expect(await third).toBe(true);
  expect(state.sessions).toBe(3);
});

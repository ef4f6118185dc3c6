import { expect, it } from 'vitest';
import { silentLogger } from '../../std/logger.js';
import { UnreadableTables } from './unreadable-tables.js';

const FAILS = 'fails';

function tables(answers: string[]) {
  const found: string[] = [];
  let looks = 0;
  const unreadable = new UnreadableTables({
    logger: silentLogger,
    look: async () => {
      looks++;
      const answer = answers.shift() ?? '';
      if (answer === FAILS) throw new Error('the server is busy');
      return answer;
    },
    found: async (names) => void found.push(names),
  });
  return { unreadable, found, looks: () => looks };
}

it('looks once after a crash, when the log has come to what the spool held', async () => {
  const { unreadable, found, looks } = tables(['`d`.`t`']);
  unreadable.serverUp(20);
  await unreadable.watch(19, 25, 0);
  expect(looks()).toBe(0);
  await unreadable.watch(20, 25, 100);
  expect(found).toEqual(['`d`.`t`']);
  await unreadable.watch(25, 25, 10_000);
  expect(looks()).toBe(1);
});

it('does not wait for what may never be committed', async () => {
  const { unreadable, found } = tables(['']);
  unreadable.serverUp(20);
  await unreadable.watch(18, 18, 0);
  expect(found).toEqual(['']);
});

it('a look that fails is repeated, after a pause', async () => {
  const { unreadable, found, looks } = tables([FAILS, '']);
  unreadable.serverUp(1);
  await unreadable.watch(1, 1, 0);
  await unreadable.watch(1, 1, 1_999);
  expect(looks()).toBe(1);
  await unreadable.watch(1, 1, 2_000);
  expect(found).toEqual(['']);
});

it('does not look after an end in order, nor takes an answer for that of a later server', async () => {
  const { unreadable, found, looks } = tables(['`d`.`t`']);
  unreadable.serverUp(null);
  await unreadable.watch(5, 5, 0);
  expect(looks()).toBe(0);
  unreadable.serverUp(1);
  const looking = unreadable.watch(5, 5, 0);
  unreadable.serverUp(null);
  await looking;
  expect([looks(), found]).toEqual([1, []]);
});

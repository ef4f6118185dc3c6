import { expect, it } from 'vitest';
import { judgeRows } from './writers.js';

it('says what is wrong with the rows, given what the clients were told', () => {
  const told = { acknowledged: [1, 2, 3], refused: [4] };
  // 5 had no answer.
  expect(judgeRows(told, [1, 2, 3, 5])).toEqual([]);
  expect(judgeRows(told, [1, 3, 3, 4])).toEqual([
    'WRONG: 1 writes were acknowledged, and lost: 2',
    'WRONG: 1 writes were there more than once: 3',
    'WRONG: 1 writes were refused, and there: 4',
  ]);
});

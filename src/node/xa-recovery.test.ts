import { expect, it } from 'vitest';
import { ORIGIN } from '../model/position.js';
import type { XaLog } from '../source/xa-log.js';
import { xaMending } from './xa-recovery.js';

type Last = 'prepare' | 'commit' | 'rollback';
const log = (branches: Record<string, Last>, ordinary = false): XaLog => ({
  branches: new Map(Object.entries(branches)),
  ordinary,
});
const agreed = (branches: string[] = [], ending: string[] = []) => ({ at: ORIGIN, branches, ending });

it.each([
  ['nothing of XA', agreed(), log({}, true), []],
  ['an old branch and a new one', agreed(['a']), log({ b: 'prepare' }, true), ['a', 'b']],
  ['branches that ended', agreed(['a']), log({ a: 'commit', b: 'rollback' }, true), []],
])('log and engine agree: %s', (_, before, tail, engine) => {
  expect(xaMending(before, tail, engine)).toEqual({ finish: [], end: [], doubtful: [], left: engine });
});

it('what the log ended is ended in the engine in the same way', () => {
  expect(
    xaMending(agreed(['a']), log({ a: 'commit', b: 'rollback', c: 'prepare' }), ['a', 'b', 'c']),
  ).toMatchObject({
    finish: [
      { branch: 'a', how: 'commit' },
      { branch: 'b', how: 'rollback' },
    ],
    end: [],
    left: ['c'],
  });
});

it('a branch that the engine lost is ended in the log, by a stand-in', () => {
  expect(xaMending(agreed(), log({ a: 'prepare', b: 'prepare' }), ['b'])).toMatchObject({
    end: [{ branch: 'a', standIn: true }],
    left: ['b'],
  });
});

it('a stand-in that is there already is never taken for the branch', () => {
  const tail = log({ a: 'prepare' });
  expect(xaMending(agreed([], ['a']), tail, ['a'])).toMatchObject({
    end: [{ branch: 'a', standIn: false }],
    left: [],
  });
  // Its end was logged, and then the server died again.
  expect(xaMending(agreed([], ['a']), log({ a: 'rollback' }), ['a'])).toMatchObject({
    finish: [{ branch: 'a', how: 'rollback' }],
    end: [],
  });
});

it('a branch that the log does not name is rolled back, unless an ordinary transaction may be its commit', () => {
  expect(xaMending(agreed(), log({}), ['one'])).toMatchObject({
    finish: [{ branch: 'one', how: 'rollback' }],
    doubtful: [],
  });
  expect(xaMending(agreed(), log({}, true), ['one'])).toMatchObject({ finish: [], doubtful: ['one'] });
  expect(xaMending({ ...agreed(), decided: { one: 'commit' } }, log({}, true), ['one'])).toMatchObject({
    finish: [{ branch: 'one', how: 'commit' }],
    doubtful: [],
  });
});

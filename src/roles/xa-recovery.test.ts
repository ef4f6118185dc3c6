import { describe, expect, it } from 'vitest';
import { ORIGIN, type Position } from '../model/position.js';
import type { XaLog } from '../source/xa-log.js';
import type { LocalControl } from './local-server.js';
import type { XaAgreement, XaFile } from './xa-file.js';
import { executedAgainFrom, XaRecovery, xaRepair } from './xa-recovery.js';

type Last = 'prepare' | 'commit' | 'rollback';
/** Each branch is named once, from number 1 on; `lastOther` as the log has it. */
const log = (branches: Record<string, Last>, ordinary = false, lastOther = 0): XaLog => ({
  branches: new Map(Object.entries(branches)),
  lastAt: new Map(Object.keys(branches).map((branch, i) => [branch, i + 1])),
  lastOther,
  ordinary,
});
const agreed = (branches: string[] = [], ending: string[] = []) => ({ at: ORIGIN, branches, ending });

it.each([
  ['nothing of XA', agreed(), log({}, true), []],
  ['an old branch and a new one', agreed(['a']), log({ b: 'prepare' }, true), ['a', 'b']],
  ['branches that ended', agreed(['a']), log({ a: 'commit', b: 'rollback' }, true), []],
])('log and engine agree: %s', (_, before, tail, engine) => {
  expect(xaRepair(before, tail, engine)).toEqual({ finish: [], lost: [], doubtful: [], left: engine });
});

it('a branch that ended in the log is ended in the engine in the same way', () => {
  expect(
    xaRepair(agreed(['a']), log({ a: 'commit', b: 'rollback', c: 'prepare' }), ['a', 'b', 'c']),
  ).toMatchObject({
    finish: [
      { branch: 'a', how: 'commit' },
      { branch: 'b', how: 'rollback' },
    ],
    lost: [],
    left: ['c'],
  });
});

it('a branch that the engine lost is rolled back in the log, by a stand-in', () => {
  expect(xaRepair(agreed(), log({ a: 'prepare', b: 'prepare' }), ['b'])).toMatchObject({
    lost: [{ branch: 'a', isGone: true }],
    left: ['b'],
  });
});

it('an existing stand-in is never taken for the branch', () => {
  const tail = log({ a: 'prepare' });
  expect(xaRepair(agreed([], ['a']), tail, ['a'])).toMatchObject({
    lost: [{ branch: 'a', isGone: false }],
    left: [],
  });
  // The rollback was logged, and then the server crashed again.
  expect(xaRepair(agreed([], ['a']), log({ a: 'rollback' }), ['a'])).toMatchObject({
    finish: [{ branch: 'a', how: 'rollback' }],
    lost: [],
  });
});

it('a branch that the log does not name is rolled back, unless an ordinary transaction may be its commit', () => {
  expect(xaRepair(agreed(), log({}), ['one'])).toMatchObject({
    finish: [{ branch: 'one', how: 'rollback' }],
    doubtful: [],
  });
  expect(xaRepair(agreed(), log({}, true), ['one'])).toMatchObject({ finish: [], doubtful: ['one'] });
  expect(xaRepair({ ...agreed(), decided: { one: 'commit' } }, log({}, true), ['one'])).toMatchObject({
    finish: [{ branch: 'one', how: 'commit' }],
    doubtful: [],
  });
});

it('the log before a position answered a minute ago need not be read again, unless XA is under way', async () => {
  let free = true;
  const saved: XaAgreement[] = [];
  const xa = new XaRecovery({
    file: { save: async (agreement: XaAgreement) => void saved.push(agreement) } as unknown as XaFile,
    control: () => ({ isFreeOfXa: async () => free }) as unknown as LocalControl,
    logBegin: async () => ({ epoch: 0, ordinal: 0, gtid: '' }),
    readLog: async () => log({}),
  });
  const at = (ordinal: number): Position => ({ epoch: 1, ordinal, gtid: `0-1000001-${ordinal}` });
  await xa.advance(at(10), 0);
  await xa.advance(at(20), 59_000);
  expect(saved).toEqual([]);
  await xa.advance(at(30), 60_000);
  expect(saved).toEqual([{ at: at(10), branches: [], ending: [] }]);
  free = false;
  await xa.advance(at(40), 120_000);
  expect(saved).toHaveLength(1);
  free = true;
  // The position does not advance while a branch may be prepared.
  await xa.advance(at(50), 180_000);
  expect(saved.at(-1)?.at).toEqual(at(40));
});

it('with a purged log, the branches of the engine count, and a branch in doubt needs an operator', async () => {
  let engine = ['two'];
  const read: number[] = [];
  const at = (ordinal: number): Position => ({ epoch: 1, ordinal, gtid: `0-1000001-${ordinal}` });
  const xa = new XaRecovery({
    file: {
      path: 'xa.json',
      load: async () => ({ at: at(10), branches: ['one', 'two'], ending: [] }),
    } as unknown as XaFile,
    control: () => ({ preparedBranches: async () => engine }) as unknown as LocalControl,
    logBegin: async () => at(50),
    readLog: async (after) => {
      read.push(after.ordinal);
      return log({});
    },
  });
  const { signal } = new AbortController();
  expect(await xa.settlePrimary(at(60), 1, signal)).toBeNull();
  engine = ['two', 'three'];
  await expect(xa.settlePrimary(at(60), 1, signal)).rejects.toMatchObject({ code: 'XA_IN_DOUBT' });
  expect(read).toEqual([50, 50]);
});

describe('on a replica', () => {
  const at = (ordinal: number): Position => ({ epoch: 1, ordinal, gtid: `0-1000001-${ordinal}` });
  const lost = (...branches: string[]) => branches.map((branch) => ({ branch, isGone: true }));

  it('the end of the log is executed again from the first branch that its engine has lost', () => {
    const tail = log({ old: 'prepare', a: 'prepare', b: 'prepare', c: 'prepare' });
    expect(executedAgainFrom([], tail, ['old'], 1)).toBeNull();
    expect(executedAgainFrom(lost('c', 'a'), tail, ['old', 'b'], 1)).toBe(2);
    // The end of a branch was logged with it, and the engine has not done that either.
    const ended = log({ a: 'prepare', old: 'commit' });
    expect(executedAgainFrom(lost('a'), ended, ['old'], 0)).toBe(1);
  });

  it.each<[string, XaLog, number]>([
    ['an ordinary transaction or DDL was executed since', log({ a: 'prepare' }, true, 2), 0],
    ['its position is beyond it', log({ a: 'prepare' }), 1],
    ['another branch was ended since', log({ a: 'prepare', b: 'commit' }), 0],
    ['the log does not hold it any more', log({}), 0],
  ])('it has to be filled when it lost a branch, and %s', (_, tail, applied) => {
    expect(() => executedAgainFrom(lost('a'), tail, [], applied)).toThrow(
      expect.objectContaining({ code: 'XA_DIFFERS' }),
    );
  });

  function settle(
    engine: string[],
    tail: XaLog,
    { begin = 0, before = agreed() }: { begin?: number; before?: XaAgreement } = {},
  ): Promise<string | null> {
    const control = {
      preparedBranches: async () => [...engine],
      finishBranch: async (branch: string) => void engine.splice(engine.indexOf(branch), 1),
    } as unknown as LocalControl;
    const xa = new XaRecovery({
      file: { path: 'xa.json', load: async () => before } as unknown as XaFile,
      control: () => control,
      logBegin: async () => at(begin),
      readLog: async () => tail,
    });
    return xa.settleReplica(at(9), new AbortController().signal);
  }

  it('a branch that ended in the log is ended, and a branch that is not in the log is rolled back', async () => {
    const engine = ['a', 'b', 'c'];
    const tail = log({ a: 'commit', b: 'prepare' });
    expect(await settle(engine, tail)).toBe('the commit of a was done; the rollback of c was done');
    expect(engine).toEqual(['b']);
    expect(await settle(engine, tail)).toBeNull();
  });

  it('a branch that is still missing is an error', async () => {
    await expect(settle([], log({ a: 'prepare' }))).rejects.toMatchObject({ code: 'XA_DIFFERS' });
  });

  it('the stand-in of a former primary is never taken for the branch', async () => {
    const engine = ['a'];
    expect(await settle(engine, log({}), { before: agreed([], ['a']) })).toBe('the rollback of a was done');
    expect(engine).toEqual([]);
  });

  it('with a purged log, no branch is ended and the branches of the engine stay', async () => {
    expect(await settle(['old'], log({}, true, 60), { begin: 50 })).toBeNull();
  });
});

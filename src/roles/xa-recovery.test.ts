import { describe, expect, it } from 'vitest';
import { ORIGIN, type Position } from '../model/position.js';
import type { LoggedGroup } from '../source/logged-group.js';
import type { XaLog } from '../source/xa-log.js';
import type { LocalControl } from './local-server.js';
import type { XaAgreement, XaFile } from './xa-file.js';
import { preparedAgain, rolledBackEverywhere, XaRecovery, xaRepair } from './xa-recovery.js';

type Last = 'prepare' | 'commit' | 'rollback';
const log = (branches: Record<string, Last>, ordinary = false): XaLog => ({
  branches: new Map(Object.entries(branches)),
  preparedAt: new Map(Object.keys(branches).map((branch, i) => [branch, i + 1])),
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
    lost: rolledBackEverywhere({ control: () => ({}) as LocalControl, serverId: () => 1 }),
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
    lost: rolledBackEverywhere({ control: () => ({}) as LocalControl, serverId: () => 1 }),
    logBegin: async () => at(50),
    readLog: async (after) => {
      read.push(after.ordinal);
      return log({});
    },
  });
  const { signal } = new AbortController();
  expect(await xa.settle(at(60), signal)).toBeNull();
  engine = ['two', 'three'];
  await expect(xa.settle(at(60), signal)).rejects.toMatchObject({ code: 'XA_IN_DOUBT' });
  expect(read).toEqual([50, 50]);
});

describe('on a replica', () => {
  const at = (ordinal: number): Position => ({ epoch: 1, ordinal, gtid: `0-1000001-${ordinal}` });

  function settle(engine: string[], tail: XaLog): Promise<string | null> {
    const control = {
      preparedBranches: async () => engine,
      finishBranch: async (branch: string) => void engine.splice(engine.indexOf(branch), 1),
      prepareAgain: async (branch: string, { events }: LoggedGroup) =>
        void engine.push(`${branch}${events.length === 0 ? '' : ' with rows'}`),
    } as unknown as LocalControl;
    const xa = new XaRecovery({
      file: { path: 'xa.json', load: async () => agreed() } as unknown as XaFile,
      control: () => control,
      lost: preparedAgain({
        control: () => control,
        readGroup: async () => ({ format: Buffer.alloc(0), events: [] }),
      }),
      logBegin: async () => at(0),
      readLog: async () => tail,
    });
    return xa.settle(at(9), new AbortController().signal);
  }

  it('a lost branch is prepared again, and a branch that is not in the log is rolled back', async () => {
    const engine = ['early'];
    expect(await settle(engine, log({ lost: 'prepare' }, true))).toMatch(
      /rollback of early was done; lost was prepared again/,
    );
    expect(engine).toEqual(['lost']);
  });

  it('with a purged log, no branch is ended and the branches of the engine stay', async () => {
    const control = { preparedBranches: async () => ['old'] } as unknown as LocalControl;
    const xa = new XaRecovery({
      file: { path: 'xa.json', load: async () => agreed() } as unknown as XaFile,
      control: () => control,
      lost: preparedAgain({
        control: () => control,
        readGroup: () => Promise.reject(new Error('not asked')),
      }),
      logBegin: async () => at(50),
      readLog: async () => log({}, true),
    });
    expect(await xa.settle(at(60), new AbortController().signal)).toBeNull();
  });

  it('a branch that ended in the log is ended, and nothing is done when engine and log agree', async () => {
    expect(await settle(['a', 'b'], log({ a: 'commit', b: 'prepare' }))).toBe('the commit of a was done');
    expect(await settle(['b'], log({ a: 'commit', b: 'prepare' }))).toBeNull();
  });
});

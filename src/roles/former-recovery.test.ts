import { expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { until } from '../../test/kit/until.js';
import { ORIGIN } from '../model/position.js';
import { silentLogger } from '../std/logger.js';
import { FormerRecovery } from './former-recovery.js';
import type { NodeParts } from './role-node.js';

const member = (name: string) => ({
  ...{ name, incarnation: name, voter: true, link: { host: '127.0.0.1', port: 1 } },
  ...{ http: '', mysqlRw: null, mysqlRo: null },
});

const running = new AbortController().signal;

function recoveryOf(options: { openEpoch?: number | null; voters?: string[] } = {}) {
  const { openEpoch = 3, voters = ['n1', 'n2', 'n3'] } = options;
  const state = { isDecided: false, hasExtra: true, kept: 0, fails: false };
  const parts = {
    config: { name: 'n1' },
    logger: silentLogger,
    openMark: { epoch: openEpoch },
    chainFile: { chain: [epochEntry(4, ORIGIN, voters.map(member))] },
  } as unknown as NodeParts;
  const recovery = new FormerRecovery({
    parts: () => parts,
    isDecided: () => state.isDecided,
    hasExtra: async () => state.hasExtra,
    keepExtra: async () => {
      if (state.fails) throw new Error('the disk is full');
      state.kept++;
    },
  });
  return { recovery, state };
}

it('waits until another epoch has begun, keeps what only this server has, and takes it back out of the data', async () => {
  const { recovery, state } = recoveryOf();
  let answer = '';
  void recovery.recoverAs(running).then((found) => {
    answer = found;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([answer, state.kept]).toEqual(['', 0]);
  state.isDecided = true;
  await until('it is decided', () => answer !== '', { intervalMs: 5 });
  expect([answer, state.kept]).toEqual(['replica', 1]);
  // The server could not take it back: it recovers as usual. After a start, the next crash is another one.
  expect(await recovery.recoverAs(running)).toBe('primary');
  recovery.started();
  expect(await recovery.recoverAs(running)).toBe('replica');
});

it('takes nothing out that could not be kept', async () => {
  const { recovery, state } = recoveryOf();
  state.isDecided = true;
  state.fails = true;
  expect(await recovery.recoverAs(running)).toBe('primary');
});

it("keeps and takes back nothing when all of the log is the cluster's", async () => {
  const { recovery, state } = recoveryOf();
  Object.assign(state, { isDecided: true, hasExtra: false });
  expect([await recovery.recoverAs(running), state.kept]).toEqual(['primary', 0]);
});

it('decides nothing when the node stops while it waits, and is asked again at the next start', async () => {
  const { recovery, state } = recoveryOf();
  const stopped = new AbortController();
  const answer = recovery.recoverAs(stopped.signal);
  stopped.abort(new Error('The node stops.'));
  await expect(answer).rejects.toThrow('The node stops.');
  state.isDecided = true;
  expect(await recovery.recoverAs(running)).toBe('replica');
});

it.each([
  ['of a replica', { openEpoch: null }],
  ['of the only voter', { voters: ['n1'] }],
])('a server %s recovers as usual', async (_, options) => {
  expect(await recoveryOf(options).recovery.recoverAs(running)).toBe('primary');
});

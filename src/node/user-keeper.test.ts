import { afterEach, expect, it, vi } from 'vitest';
import { EventLog } from '../events/event-log.js';
import type { Reconciled, UserAccounts, UserSession } from '../mysql-control/user-accounts.js';
import { silentLogger } from '../std/logger.js';
import { UserKeeper } from './user-keeper.js';

const SESSION = { address: '127.0.0.1', port: 4711 };

let keeper: UserKeeper | undefined;
afterEach(() => {
  keeper?.stop();
  vi.useRealTimers();
});

/** The server's accounts. `reconcile` answers as the test says. */
function keeping(reconcile: () => Promise<Reconciled>) {
  const state = { looks: 0, fails: false, cut: [] as UserSession[] };
  const accounts: Pick<UserAccounts, 'reconcile' | 'sessionsOf'> = {
    reconcile: () => {
      state.looks++;
      return reconcile();
    },
    sessionsOf: async (names) => {
      if (state.fails) throw new Error('the server does not answer');
      return names.includes('shop') ? [SESSION] : [];
    },
  };
  keeper = new UserKeeper({
    logger: silentLogger,
    events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
    accounts: accounts as UserAccounts,
    cut: (sessions) => state.cut.push(...sessions),
  });
  return { state, keeper };
}

it('cuts the sessions of a dropped account, even when the first search for them failed', async () => {
  const answers: Reconciled[] = [{ changes: [{ name: 'shop', what: 'dropped' }], restored: false }];
  const { state, keeper } = keeping(async () => answers.shift() ?? { changes: [], restored: true });
  state.fails = true;
  await expect(keeper.reconcile()).rejects.toThrow('does not answer');
  state.fails = false;
  await keeper.reconcile();
  expect(state.cut).toEqual([SESSION]);
  await keeper.reconcile();
  expect(state.cut).toHaveLength(1);
});

it('polls once in each interval, even when the server came back during a poll', async () => {
  vi.useFakeTimers();
  const answers: (() => void)[] = [];
  const { state, keeper } = keeping(
    () => new Promise((resolve) => answers.push(() => resolve({ changes: [], restored: true }))),
  );
  const answer = async () => {
    for (const one of answers.splice(0)) one();
    await vi.advanceTimersByTimeAsync(0);
  };
  keeper.start();
  // A poll is running when another server starts.
  keeper.stop();
  keeper.start();
  expect(state.looks).toBe(2);
  await answer();
  await vi.advanceTimersByTimeAsync(500);
  expect(state.looks).toBe(3);
});

import { expect, it } from 'vitest';
import { ApiError } from '../../api/api-error.js';
import type { Role } from '../../model/status.js';
import type { HandlerModules, HandlerRequest } from './context.js';
import { handleCommit } from './transactions.js';

/** The answer to a repeated commit on a node that has restarted since the first one, and has no stored outcome of it. */
async function appliedOn(role: Role): Promise<unknown> {
  const request = {
    params: { id: `tx_${Date.now().toString(36)}_x.n1` },
    body: {},
    token: { id: 'tok', role: 'write' },
    gone: undefined,
    requestId: 'r',
  } as unknown as HandlerRequest;
  const modules = {
    node: { role: () => role, isOpen: () => ({ open: true }) },
    sql: {
      transactions: {
        committed: () => null,
        use: async () => {
          throw new ApiError(409, 'TX_UNKNOWN', 'not open here');
        },
      },
      outcomes: { keepMs: 60_000, nameOf: () => 'name', find: async () => 'none' },
    },
  } as unknown as HandlerModules;
  try {
    return await handleCommit(request, modules);
  } catch (error) {
    return (error as ApiError).details.applied;
  }
}

it('a primary knows that a commit without a stored outcome has done nothing', async () => {
  expect(await appliedOn('primary')).toBe('no');
});

it('a former primary does not: as a replica it may not have executed what the next primary has kept', async () => {
  expect(await appliedOn('replica')).toBe('unknown');
});

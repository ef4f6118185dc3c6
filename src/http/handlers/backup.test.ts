import { expect, it } from 'vitest';
import { handleBackup } from './backup.js';
import type { HandlerModules, HandlerRequest } from './context.js';

it('a node that no client may read gives no backup', async () => {
  const reason = 'This replica is being filled from another node (transferring): its data has diverged.';
  let begun = 0;
  const node = {
    server: () => ({}),
    isOpen: () => ({ open: false, code: 'NOT_OPEN', reason }),
    backup: async () => {
      begun++;
      throw new Error('it was begun');
    },
  };
  const modules = { node, openStreams: new Set() } as unknown as HandlerModules;
  const request = { query: {}, gone: { on: () => {}, off: () => {} } } as unknown as HandlerRequest;
  await expect(Promise.resolve(handleBackup(request, modules))).rejects.toMatchObject({
    status: 503,
    code: 'NOT_OPEN',
    message: expect.stringContaining('diverged'),
  });
  expect(begun).toBe(0);
});

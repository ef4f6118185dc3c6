import { expect, it } from 'vitest';
import type { CommandContext } from './command.js';
import type { NodeClient } from './node-client.js';
import { ownResult, tableOf } from './verify.js';

it('takes a table by its names, in quotes where they have dots', () => {
  expect(tableOf(undefined)).toEqual({});
  expect(tableOf('shop.orders')).toEqual({ database: 'shop', table: 'orders' });
  expect(tableOf('shop.orders.old')).toEqual({ database: 'shop', table: 'orders.old' });
  expect(tableOf('`shop.eu`.orders')).toEqual({ database: 'shop.eu', table: 'orders' });
  expect(tableOf('a.`b.``c`')).toEqual({ database: 'a', table: 'b.`c' });
  for (const bad of ['orders', '.orders', 'shop.', '`shop.eu.orders'])
    expect(() => tableOf(bad)).toThrow('expected a table');
});

it('does not take the result of another round for its own', async () => {
  const round = (startedAt: string) => ({
    ...{ startedAt, only: null, tablesDone: 0, tables: 0, differing: [], skipped: [] },
    ...{ rows: 0, heldMsMax: 0, ended: null },
  });
  // The primary was started again: it runs nothing, and its last round is an older one.
  const document = { running: null, last: round('old'), lastCompleteAt: null, tables: [] };
  const client = {
    request: async (method: string) => ({ body: method === 'POST' ? round('new') : document }),
  } as unknown as NodeClient;
  const context = {
    terminal: { isTerminal: false },
    signal: new AbortController().signal,
  } as unknown as CommandContext;
  await expect(ownResult(context, client, {})).rejects.toMatchObject({ code: 'VERIFY_ENDED' });
});

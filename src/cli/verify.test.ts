import { expect, it } from 'vitest';
import { tableOf } from './verify.js';

it('takes a table by its names, in quotes where they have dots', () => {
  expect(tableOf(undefined)).toEqual({});
  expect(tableOf('shop.orders')).toEqual({ database: 'shop', table: 'orders' });
  expect(tableOf('shop.orders.old')).toEqual({ database: 'shop', table: 'orders.old' });
  expect(tableOf('`shop.eu`.orders')).toEqual({ database: 'shop.eu', table: 'orders' });
  expect(tableOf('a.`b.``c`')).toEqual({ database: 'a', table: 'b.`c' });
  for (const bad of ['orders', '.orders', 'shop.', '`shop.eu.orders'])
    expect(() => tableOf(bad)).toThrow('expected a table');
});

import { expect, it } from 'vitest';
import { DdlTrail } from './ddl-trail.js';

const orders = { schema: 'shop', name: 'orders' };

function after(text: string): DdlTrail {
  const trail = new DdlTrail();
  trail.note(5, text);
  return trail;
}

it.each([
  'ALTER TABLE orders ADD COLUMN a INT',
  'TRUNCATE `shop`.`ORDERS`',
  'RENAME TABLE x TO orders',
  'DROP DATABASE shop',
  'CREATE TABLE `orders` AS SELECT 1',
  // Its text is not known.
  '',
])('finds a table in %j', (text) => {
  expect(after(text).touched(orders, 4)).toBe(true);
  expect(after(text).touched(orders, 5)).toBe(false);
});

it.each([
  'ALTER TABLE orders_old ADD a INT',
  'DROP TABLE shop.items',
  'COMMIT',
  "XA COMMIT 'orders'",
  'SAVEPOINT orders',
])('finds it not in %j', (text) => {
  expect(after(text).touched(orders, 0)).toBe(false);
});

it('finds a table whose name may be written in several ways in every statement', () => {
  expect(after('DROP TABLE a').touched({ schema: 'shop', name: 'größe' }, 0)).toBe(true);
});

it('knows the ends of XA branches', () => {
  expect(after("XA COMMIT X'61',X'',1").endedXa(4)).toBe(true);
  expect(after("XA COMMIT X'61',X'',1").endedXa(5)).toBe(false);
  expect(after('ALTER TABLE orders ADD a INT').knowsXa).toBe(false);
});

it('takes what it has forgotten for everything', () => {
  const trail = new DdlTrail();
  for (let ordinal = 1; ordinal <= 5_000; ordinal++) trail.note(ordinal, 'DROP TABLE items');
  expect(trail.touched(orders, 10)).toBe(true);
  expect(trail.endedXa(10)).toBe(true);
  expect(trail.touched(orders, 4_990)).toBe(false);
});

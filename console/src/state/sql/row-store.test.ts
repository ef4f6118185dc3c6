import { expect, it } from 'vitest';
import { parseExactly } from '../exact-json.js';
import { RowStore } from './row-store.js';

const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => [from + at, `row ${from + at}`, null]);

it('gives back every row, in any order', () => {
  const store = new RowStore();
  for (let from = 0; from < 5000; from += 100) expect(store.add(rows(from, 100))).toBe(100);
  store.add([[5000, 'Grüße, 雁 🪶', { a: [1] }]]);
  expect(store.count).toBe(5001);
  for (const at of [0, 255, 256, 4999, 17, 3000, 4863, 4864])
    expect(store.row(at)).toEqual([at, `row ${at}`, null]);
  expect(store.row(5000)).toEqual([5000, 'Grüße, 雁 🪶', { a: [1] }]);
  expect([store.row(5001), store.row(-1)]).toEqual([undefined, undefined]);
  let next = 0;
  for (const [at] of store) expect(at).toBe(next++);
  expect(next).toBe(5001);
});

it('is full at a number of rows', () => {
  const store = new RowStore({ rowsMax: 300 });
  expect(store.add(rows(0, 299))).toBe(299);
  expect(store.add(rows(299, 10))).toBe(1);
  expect(store.add(rows(0, 1))).toBe(0);
  expect(store.count).toBe(300);
  expect(store.row(299)).toEqual([299, 'row 299', null]);
});

it('is full at a number of bytes', () => {
  const store = new RowStore({ bytesMax: 1000 });
  expect(store.add(rows(0, 1000))).toBeLessThan(60);
  expect(store.bytes).toBeGreaterThanOrEqual(1000);
  expect(store.bytes).toBeLessThan(1050);
});

it('keeps a value that is larger than a block', () => {
  const store = new RowStore();
  const long = 'x'.repeat(300_000);
  store.add([['a'], [long], ['b']]);
  expect([store.row(0), store.row(1), store.row(2)]).toEqual([['a'], [long], ['b']]);
});

// Node 20 and older browsers round them.
it.skipIf(!('rawJSON' in JSON))('keeps all digits of a number inside of a JSON document', () => {
  const store = new RowStore();
  store.add([parseExactly('[{"n":12345678901234567890}]') as unknown[]]);
  store.add(rows(1, 300));
  expect(JSON.stringify(store.row(0))).toBe('[{"n":12345678901234567890}]');
});

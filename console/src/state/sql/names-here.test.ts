import { expect, it } from 'vitest';
import { type NameSource, namesFor, tablesIn, wordBefore } from './names-here.js';

const asked: string[] = [];
const source: NameSource = {
  database: 'shop',
  databases: [
    { name: 'shop', tables: ['orders', 'odd name'] },
    { name: 'staff', tables: ['people'] },
  ],
  async columns(database, table) {
    asked.push(`${database}.${table}`);
    return table === 'people' ? [{ name: 'born', type: 'date' }] : [{ name: 'item', type: 'text' }];
  },
};

const names = async (sql: string) => {
  const position = sql.indexOf('|');
  const whole = sql.replace('|', '');
  const before = wordBefore(whole.slice(0, position));
  return (await namesFor({ sql: whole, position, before }, source)).map(({ apply }) => apply);
};

it('the word before the cursor is found, with what stands before its dot', () => {
  expect(wordBefore('SELECT it')).toEqual({ path: [], word: 'it' });
  expect(wordBefore('SELECT shop.`odd name`.')).toEqual({ path: ['shop', 'odd name'], word: '' });
  expect(wordBefore('FROM `od')).toEqual({ path: [], word: '`od' });
  expect(wordBefore('')).toEqual({ path: [], word: '' });
});

it('tables of a statement are found, with their aliases', () => {
  expect(tablesIn('SELECT * FROM shop.orders AS o JOIN people p ON 1 WHERE x')).toEqual([
    { database: 'shop', table: 'orders', alias: 'o' },
    { database: null, table: 'people', alias: 'p' },
  ]);
  expect(tablesIn('UPDATE `a``b` SET x = 1')).toEqual([{ database: null, table: 'a`b', alias: null }]);
});

it('databases and tables of the chosen database are offered', async () => {
  expect(await names('SELECT * FROM |')).toEqual(['orders', '`odd name`', 'shop', 'staff']);
  expect(await names('SELECT * FROM staff.|')).toEqual(['people']);
  expect(await names('SELECT * FROM nothing.|')).toEqual([]);
  expect(asked, 'no columns are fetched for that').toEqual([]);
});

it('columns of the tables in the statement are offered', async () => {
  expect(await names('SELECT | FROM orders; SELECT 1 FROM staff.people')).toEqual([
    ...['item', 'orders', '`odd name`', 'shop', 'staff'],
  ]);
  expect(asked.splice(0)).toEqual(['shop.orders']);
  expect(await names('SELECT p.| FROM staff.people p')).toEqual(['born']);
  expect(await names('SELECT staff.people.|')).toEqual(['born']);
  expect(await names('SELECT `| FROM staff.people')).toContain('`born`');
});

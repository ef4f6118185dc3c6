import { expect, it } from 'vitest';
import { enumChoices, setChoices, toggled } from './enum-choices.js';

it.each([
  ["enum('new','paid')", ['new', 'paid']],
  ["ENUM('it''s','a,b',')','')", ["it's", 'a,b', ')', '']],
  ["enum('two\nlines')", ['two\nlines']],
  ["set('a','b')", null],
  ['varchar(20)', null],
  ["enum('a)", null],
  ["enum('a\\\\b','c')", null],
])('of %j', (declared, choices) => {
  expect(enumChoices(declared)).toEqual(choices);
});

it('knows those of a SET', () => {
  expect(setChoices("set('red','it''s','blue')")).toEqual(['red', "it's", 'blue']);
  expect(setChoices("enum('a')")).toBe(null);
  expect(setChoices("set('','a')")).toBe(null);
});

it('adds to a SET and takes away, in the order of the declaration', () => {
  const choices = ['red', 'green', 'blue'];
  expect(toggled(choices, '', { choice: 'blue', on: true })).toBe('blue');
  expect(toggled(choices, 'blue', { choice: 'red', on: true })).toBe('red,blue');
  expect(toggled(choices, 'red,blue', { choice: 'red', on: false })).toBe('blue');
  expect(toggled(choices, 'blue', { choice: 'blue', on: false })).toBe('');
});

import { expect, it } from 'vitest';
import { enumChoices } from './enum-choices.js';

it.each([
  ["enum('new','paid')", ['new', 'paid']],
  ["ENUM('it''s','a,b',')','')", ["it's", 'a,b', ')', '']],
  ["enum('two\nlines')", ['two\nlines']],
  ["set('a','b')", null],
  ['varchar(20)', null],
  ["enum('a)", null],
])('of %j', (declared, choices) => {
  expect(enumChoices(declared)).toEqual(choices);
});

import { describe, expect, it } from 'vitest';
import { cpuTimeMs } from '../../test/kit/cpu-time.js';
import { executableCommentLength, skipQuoted, withoutLeadingComments } from './sql-text.js';

describe('withoutLeadingComments', () => {
  it.each([
    ['SET @a=1', 'SET @a=1'],
    ['/* app */ SET @a=1', 'SET @a=1'],
    ['/**/SET', 'SET'],
    [' \t\r\n\u000b\u0000SET', 'SET'],
    ['-- one\n# two\n/* three */\nSET', 'SET'],
    ['--\nSET', 'SET'],
    ['--\tx\nSET', 'SET'],
    ['--', ''],
    ['--1', '--1'],
    ['/* open', ''],
    ['/*! SET */', '/*! SET */'],
    ['/*M!100000 SET */', '/*M!100000 SET */'],
    ['/* x *//*!50000 SET */', '/*!50000 SET */'],
    ['', ''],
  ])('%j begins with %j', (text, rest) => expect(withoutLeadingComments(text)).toBe(rest));

  it.each(['/**/', '-- \n', '#\n', ' ', '/*', '-', '/', '/* -- # '])('is linear in many of %j', (piece) => {
    const text = piece.repeat(300_000);
    expect(cpuTimeMs(() => void withoutLeadingComments(text))).toBeLessThan(3_000);
  });
});

it('finds the opening of an executable comment', () => {
  const length = (text: string) => executableCommentLength(text, 0);
  expect(['/*!', '/*!50000 x', '/*M!100100x', '/*!1234567'].map(length)).toEqual([3, 8, 10, 9]);
  expect(['/* !', '/*+ hint', '/', 'x/*!', '/*m!'].map(length)).toEqual([0, 0, 0, 0, 0]);
});

it('finds the end of a quoted text, and says when sql_mode decides it', () => {
  const quoted = (text: string) => {
    const { end, ambiguous } = skipQuoted(text, 0);
    return [end, ambiguous];
  };
  expect(quoted(`'a'b`)).toEqual([3, false]);
  expect(quoted(`'a\\_'b`)).toEqual([5, false]);
  expect(quoted(`'a\\\\'b`)).toEqual([5, false]);
  expect(quoted(`'a\\'b'`)).toEqual([4, true]);
  expect(quoted('`a\\`b')).toEqual([4, false]);
  expect(quoted('"open')).toEqual([5, false]);
});

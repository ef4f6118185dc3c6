import { expect, it } from 'vitest';
import { linesToSend } from './line-stream.js';

it('lines that were cut begin with one that says so', () => {
  expect(linesToSend({ lines: ['{"a":1}'], isCut: false })).toEqual(['{"a":1}']);
  const [first = '', ...others] = linesToSend({ lines: ['{"a":1}'], isCut: true });
  expect(JSON.parse(first)).toEqual({
    event: 'lines.cut',
    reason: expect.stringContaining('2097152 bytes'),
  });
  expect(others).toEqual(['{"a":1}']);
});

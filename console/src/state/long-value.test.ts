import { describe, expect, it } from 'vitest';
import type { Column } from '../../../client/src/index.js';
import { isCutShort, wholeText } from './long-value.js';

const text: Column = { name: 'note', type: 'text', nullable: true } as Column;
const blob: Column = { name: 'bytes', type: 'blob', nullable: true } as Column;
const json: Column = { name: 'facts', type: 'json', nullable: true } as Column;
const bytes = (length: number) => Buffer.alloc(length, 0xab).toString('base64');

describe('a long value', () => {
  it('is cut short beyond what a cell shows', () => {
    expect(isCutShort(null, text)).toBe(false);
    expect(isCutShort('a b', text)).toBe(false);
    expect(isCutShort('x'.repeat(300), text)).toBe(false);
    expect(isCutShort('x'.repeat(301), text)).toBe(true);
    expect(isCutShort({ list: 'x'.repeat(400) }, json)).toBe(true);
  });

  it('counts bytes by their digits', () => {
    expect([0, 64, 65, 66].map((length) => isCutShort(bytes(length), blob))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it('is whole on demand', () => {
    expect(wholeText('x'.repeat(1000), text)).toBe('x'.repeat(1000));
    expect(wholeText(bytes(66), blob)).toBe(`0x${'ab'.repeat(66)}`);
    expect(wholeText({ list: 'x'.repeat(400) }, json)).toBe(`{"list":"${'x'.repeat(400)}"}`);
  });
});

import { describe, expect, it } from 'vitest';
import { dataHash, dataPlaceOf, quoted, quotedPlace } from './names.js';

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '`; DROP TABLE x; --',
  'a/b?c#d%41',
  '雁 🪶',
  'it\'s "x"',
  '..',
];

describe('a name in a statement', () => {
  it('stands in backticks, and cannot end them', () => {
    expect(quoted('orders')).toBe('`orders`');
    expect(quoted('a`b')).toBe('`a``b`');
    expect(quoted('``')).toBe('``````');
    expect(quotedPlace({ database: 'shop', table: 'x`; DROP TABLE y; --' })).toBe(
      '`shop`.`x``; DROP TABLE y; --`',
    );
    for (const name of HOSTILE) {
      const inside = quoted(name).slice(1, -1);
      expect(inside.replaceAll('``', '')).not.toContain('`');
      expect(inside.replaceAll('``', '`')).toBe(name);
    }
  });
});

describe('a name in the address', () => {
  it('comes back as it was, whatever it holds', () => {
    for (const name of HOSTILE)
      for (const tab of ['rows', 'structure'] as const)
        expect(dataPlaceOf(dataHash(name, name, tab))).toEqual({ database: name, table: name, tab });
  });

  it('may be absent, or typed wrongly', () => {
    expect(dataPlaceOf('#/data')).toEqual({ database: null, table: null, tab: 'rows' });
    expect(dataPlaceOf('#/data/')).toEqual({ database: null, table: null, tab: 'rows' });
    expect(dataPlaceOf('#/data/shop')).toEqual({ database: 'shop', table: null, tab: 'rows' });
    expect(dataPlaceOf('#/data//orders')).toEqual({ database: null, table: null, tab: 'rows' });
    expect(dataPlaceOf('#/data/100%/x')).toEqual({ database: '100%', table: 'x', tab: 'rows' });
    expect(dataHash()).toBe('#/data');
    expect(dataHash('shop')).toBe('#/data/shop');
  });
});

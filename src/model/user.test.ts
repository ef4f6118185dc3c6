import { describe, expect, it } from 'vitest';
import { databaseNameFault, databasePattern, userNameFault } from './user.js';

describe('names of accounts', () => {
  it.each(['shop', 'shop-1', '0', 'a.b_c', 'x'.repeat(80), 'application'])('%s can be one', (name) => {
    expect(userNameFault(name)).toBeNull();
  });

  it.each([
    ['', 'expected'],
    ['x'.repeat(81), 'longer'],
    ['-x', 'expected'],
    ["a'b", 'expected'],
    ['a`b', 'expected'],
    ['a@b', 'expected'],
    ['a b', 'expected'],
    ['a%', 'expected'],
    ['ä', 'expected'],
    ['a\n', 'expected'],
    ['a\u0000', 'expected'],
    ['app', 'reserved'],
    ['APP', 'reserved'],
    ['root', 'reserved'],
    ['PUBLIC', 'reserved'],
    ['skein', 'reserved'],
    ['Skein_read', 'reserved'],
    ['mysql.sys', 'reserved'],
    ['mariadb.sys', 'reserved'],
  ])('%j cannot: %s', (name, why) => {
    expect(userNameFault(name)).toContain(why);
  });
});

describe('names of databases in grants', () => {
  it('match themselves only', () => {
    expect(databasePattern('my_shop%')).toBe('my\\_shop\\%');
    for (const name of ['shop', 'my_shop', "it's", 'ünder', 'a b', '100%'])
      expect(databaseNameFault(name)).toBeNull();
  });

  it.each([
    '',
    'mysql',
    'SYS',
    'skein',
    'Information_Schema',
    'a\\b',
    'a/b',
    'a\u0000',
    'a ',
    '🦢',
    '_'.repeat(33),
  ])('%j is refused', (name) => {
    expect(databaseNameFault(name)).not.toBeNull();
  });
});

import { expect, it } from 'vitest';
import { isOfSeries, parseServerChoice, SERVER_CHOICES, SERVER_SERIES } from './server-choice.js';

it('a server is named by its series, by a path, or left to Skein', () => {
  expect(parseServerChoice('')).toEqual({ kind: 'any' });
  expect(parseServerChoice('obtain')).toEqual({ kind: 'obtain' });
  expect(parseServerChoice('/usr/sbin/mariadbd')).toEqual({ kind: 'program', path: '/usr/sbin/mariadbd' });
  expect(parseServerChoice('./mariadbd')).toEqual({ kind: 'program', path: './mariadbd' });
  expect(parseServerChoice('mariadb-11.8')).toMatchObject({
    kind: 'series',
    series: { flavour: 'mariadb', series: '11.8' },
  });
  expect(parseServerChoice('mysql')).toEqual(parseServerChoice('mysql-9.7'));
  expect(parseServerChoice('mysql')).toMatchObject({ series: { flavour: 'mysql', series: '9.7' } });
});

it.each(['mariadb', 'mariadb-11', 'mariadb-11.80', 'MariaDB-11.8', 'mariadbd', 'latest', 'constructor', ' '])(
  '"%s" names none',
  (text) => {
    expect(parseServerChoice(text)).toBeNull();
  },
);

it('every series can be named, and messages list all of them', () => {
  for (const series of SERVER_SERIES) {
    expect(parseServerChoice(series.name)).toEqual({ kind: 'series', series });
    expect(SERVER_CHOICES).toContain(series.name);
  }
});

it('a server belongs to one series', () => {
  const newer = { flavour: 'mariadb', series: '11.8' } as const;
  const isNewer = (flavour: string, version: string) => isOfSeries({ flavour, version }, newer);
  expect(isNewer('mariadb', '11.8.3-MariaDB-0+deb13u1')).toBe(true);
  expect(isNewer('mariadb', '11.80.1-MariaDB')).toBe(false);
  expect(isNewer('mariadb', '10.11.19-MariaDB')).toBe(false);
  expect(isNewer('mysql', '11.8.1')).toBe(false);
});

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
});

it.each(['mariadb', 'mariadb-11', 'mariadb-11.80', 'MariaDB-11.8', 'mariadbd', 'latest', ' '])(
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

it('a version belongs to one series', () => {
  expect(isOfSeries('11.8.3-MariaDB-0+deb13u1', { series: '11.8' })).toBe(true);
  expect(isOfSeries('11.80.1-MariaDB', { series: '11.8' })).toBe(false);
  expect(isOfSeries('10.11.19-MariaDB', { series: '11.8' })).toBe(false);
});

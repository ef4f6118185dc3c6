import { expect, it } from 'vitest';
import { refuseOtherChoice, refuseOtherFlavour } from './current.js';

it('a server that no node can run is refused in words', () => {
  expect(() =>
    refuseOtherFlavour({ flavour: 'mariadb', version: '10.11.14', command: '/usr/sbin/mariadbd' }),
  ).not.toThrow();
  expect(() =>
    refuseOtherFlavour({ flavour: 'mysql', version: '9.7.4', command: '/opt/mysql/mysqld' }),
  ).toThrow(
    expect.objectContaining({
      code: 'SERVER_UNSUPPORTED',
      message: expect.stringContaining('/opt/mysql/mysqld is MySQL 9.7.4'),
    }),
  );
});

it('and before it is fetched', () => {
  for (const named of ['mysql', 'mysql-9.7'])
    expect(() => refuseOtherChoice(named)).toThrow(expect.objectContaining({ code: 'SERVER_UNSUPPORTED' }));
  for (const named of ['mariadb-11.8', 'obtain', '/usr/sbin/mysqld', 'unknown', ''])
    expect(() => refuseOtherChoice(named)).not.toThrow();
});

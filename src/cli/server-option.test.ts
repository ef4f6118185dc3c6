import { expect, it } from 'vitest';
import { parseArguments } from './parse-arguments.js';
import { SERVER_OPTION, serverOption } from './server-option.js';

const option = (...args: string[]) =>
  serverOption(parseArguments(args, { server: SERVER_OPTION }, [0, 0]), '/srv');

it('--server takes a name as it is, and makes a path absolute', () => {
  expect(option()).toBeNull();
  expect(option('--server', 'mariadb-11.8')).toBe('mariadb-11.8');
  expect(option('--server', 'obtain')).toBe('obtain');
  expect(option('--server', './bin/mariadbd')).toBe('/srv/bin/mariadbd');
});

it('an unknown name is refused with what is possible', () => {
  expect(() => option('--server', 'mariadb-11.9')).toThrow(
    '--server is "mariadb-11.9"; expected one of mariadb-10.11, mariadb-11.8, mysql-9.7, obtain, or the path of a server program (with a /). Did you mean mariadb-11.8?',
  );
  expect(() => option('--server=')).toThrow('--server is ""; expected one of');
});

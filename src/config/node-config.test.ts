import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isSkeinError } from '../model/error.js';
import { loadNodeConfig, NodeConfigSchema, nodeConfig, REQUIRED_SETTINGS } from './node-config.js';

const minimal = {
  name: 'n2',
  cluster: 'demo',
  directory: 'n2',
  http: { port: 8084 },
  link: { port: 7084 },
  secretFile: 'cluster.secret',
};

const check = (raw: unknown) => nodeConfig(raw, { source: 'node.json', baseDirectory: '/srv/skein' });

function problem(raw: unknown): string {
  try {
    check(raw);
  } catch (error) {
    if (isSkeinError(error, 'CONFIG_INVALID')) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('nodeConfig', () => {
  it('completes what has a default and takes paths from the file’s directory', () => {
    const config = check(minimal);
    expect(config).toMatchObject({
      acknowledge: 'majority',
      heartbeatIntervalMs: 500,
      lateAfterMs: 1500,
      goneAfterMs: 10_000,
      hubWindowBytes: 12 * 1024 ** 2,
      annotateRows: false,
      http: { host: '127.0.0.1', port: 8084 },
      directory: '/srv/skein/n2',
      secretFile: '/srv/skein/cluster.secret',
      adminTokenFile: null,
      server: null,
      serverArgs: [],
    });
  });

  it.each([
    ['mariadb-11.8', 'mariadb-11.8'],
    ['obtain', 'obtain'],
    ['../mariadbd', '/srv/mariadbd'],
    ['/usr/sbin/mariadbd', '/usr/sbin/mariadbd'],
  ])('takes %s as a server', (server, resolved) => {
    expect(check({ ...minimal, server }).server).toBe(resolved);
  });

  it('is frozen to the bottom and leaves its argument alone', () => {
    const config = check(minimal);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.http)).toBe(true);
    expect(minimal.http).toEqual({ port: 8084 });
  });

  it('names file, field and what was expected', () => {
    expect(problem({ ...minimal, http: { port: 70_000 } })).toBe(
      'node.json: "http" is {"port":70000,"host":"127.0.0.1"}; expected an object such as {"host": "127.0.0.1", "port": 8083}',
    );
    expect(problem({ ...minimal, acknowledge: 'most' })).toContain(
      '"acknowledge" is "most"; expected one of majority',
    );
    const { secretFile: _, ...without } = minimal;
    expect(problem(without)).toContain('"secretFile" is missing; expected a path');
  });

  it('names every wrong field at once, and guesses a misspelt one', () => {
    const text = problem({ ...minimal, hartbeatIntervalMs: 5, lateAfterMs: 'soon' });
    expect(text).toContain('"hartbeatIntervalMs" is not a setting (did you mean "heartbeatIntervalMs"?)');
    expect(text).toContain('"lateAfterMs" is "soon"; expected milliseconds');
  });

  it.each([
    [{ voters: ['n1'] }, '"voters" is not a setting'],
    [{ contact: { port: 70_830 } }, '"contact" is'],
    [{ routes: { 'N 1': { port: 7083 } } }, '"routes" is'],
    [{ http: { host: '0.0.0.0', port: 8084 } }, '"advertise" is missing'],
    [{ mysqlPorts: { host: '::', readWrite: 6446, readOnly: 6447 } }, '"advertise" is missing'],
    [{ advertise: 'db 2' }, 'http://db 2:8084 is not an address'],
    [{ link: { port: 8084 } }, '"http" and "link" are both port 8084'],
    [{ lateAfterMs: 500 }, '"lateAfterMs" is 500; expected more than'],
    [{ goneAfterMs: 1000 }, '"goneAfterMs" is 1000; expected more than'],
    [
      { tls: { certificate: 'n.crt', key: 'n.key', caKey: 'ca.key', ports: ['http'] } },
      '"tls.ca" is missing; expected the certificate of the authority',
    ],
    [
      { server: 'mariadb-9' },
      '"server" is "mariadb-9"; expected one of mariadb-10.11, mariadb-11.8, mysql-9.7, obtain, or the path of a server program (with a /), or null',
    ],
    [{ server: 'mariadb-11x8' }, '"server" is "mariadb-11x8"; expected one of'],
    [{ serverHangMs: 1000 }, '"serverHangMs" is 1000; expected milliseconds, a whole number from 2000'],
    [{ failover: 'fixed' }, '"failover" is "fixed"; expected "automatic", or no such setting.'],
    [{ name: 'N 1' }, 'expected a name of lower-case letters'],
  ])('refuses %j', (change, text) => {
    expect(problem({ ...minimal, ...change })).toContain(text);
  });

  it.each([null, [], 'x', 4])('refuses %j instead of an object', (raw) => {
    expect(problem(raw)).toContain('expected an object');
  });
});

it('requires what has no default, and nothing else', () => {
  const withoutDefault = Object.entries(NodeConfigSchema.properties)
    .filter(([, schema]) => !('default' in schema))
    .map(([name]) => name);
  expect(withoutDefault).toEqual([...REQUIRED_SETTINGS]);
});

it('is described in the README or in docs, every setting of it', () => {
  const root = new URL('../../', import.meta.url);
  const docs = readdirSync(new URL('docs/', root)).filter((name) => name.endsWith('.md'));
  const text = ['README.md', ...docs.map((name) => `docs/${name}`)]
    .map((name) => readFileSync(new URL(name, root), 'utf8'))
    .join('\n');
  const missing = Object.keys(NodeConfigSchema.properties).filter((name) => !text.includes(`\`${name}\``));
  expect(missing).toEqual([]);
});

describe('loadNodeConfig', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-config-'));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('says which file is missing or is not JSON', () => {
    const file = join(directory, 'node.json');
    expect(() => loadNodeConfig(file)).toThrowError(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
    writeFileSync(file, '{"name": ');
    expect(() => loadNodeConfig(file)).toThrowError(/node\.json is not JSON/);
    // Whatever walks through it reaches the end of the stack at a depth of its own.
    for (let depth = 500; depth < 20_000; depth += 250) {
      writeFileSync(file, `{"name": ${'['.repeat(depth)}${']'.repeat(depth)}}`);
      expect(() => loadNodeConfig(file)).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    }
    expect(() => loadNodeConfig(file)).toThrowError(/node\.json is nested too deeply/);
    writeFileSync(file, JSON.stringify(minimal));
    expect(loadNodeConfig(file).directory).toBe(join(directory, 'n2'));
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { beginBoot, newClusterId, readIdentity, writeIdentity } from './identity.js';
import { ownPlace } from './place.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-identity-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('counts the starts of a node, and keeps the rest', async () => {
  const cluster = newClusterId();
  expect(await readIdentity(directory)).toBeNull();
  await writeIdentity(directory, { cluster, founder: true });
  expect(await beginBoot(directory)).toEqual({ cluster, founder: true, boot: 1 });
  expect(await beginBoot(directory)).toEqual({ cluster, founder: true, boot: 2 });
  expect(newClusterId()).not.toBe(cluster);
});

it('refuses a directory without one, and says what to do', async () => {
  await expect(beginBoot(directory)).rejects.toMatchObject({
    code: 'IDENTITY_MISSING',
    message: expect.stringContaining('skein dump'),
  });
});

it.each(['', '{', '{"cluster":"x","founder":false,"boot":1}', 'null'])(
  'refuses %j and leaves it',
  async (text) => {
    const path = join(directory, 'identity.json');
    writeFileSync(path, text);
    await expect(beginBoot(directory)).rejects.toMatchObject({ code: 'IDENTITY_UNREADABLE' });
    expect(readFileSync(path, 'utf8')).toBe(text);
  },
);

it('says where a node is by its configuration', () => {
  const settings = {
    ...{ name: 'n1', http: { host: '::1', port: 8083 }, link: { host: '10.0.0.1', port: 7083 }, tls: null },
    ...{ mysqlPorts: { host: '0.0.0.0', readWrite: 6446, readOnly: 6447 }, advertise: null, witness: false },
  };
  expect(ownPlace(settings)).toEqual({
    ...{ name: 'n1', link: { host: '10.0.0.1', port: 7083 }, http: 'http://[::1]:8083' },
    ...{ mysqlRw: '0.0.0.0:6446', mysqlRo: '0.0.0.0:6447' },
  });
  expect(ownPlace({ ...settings, advertise: 'db1', tls: { ports: ['http'] } })).toEqual({
    ...{ name: 'n1', link: { host: 'db1', port: 7083 }, http: 'https://db1:8083' },
    ...{ mysqlRw: 'db1:6446', mysqlRo: 'db1:6447' },
  });
  expect(ownPlace({ ...settings, mysqlPorts: null, witness: true })).toEqual({
    ...{ name: 'n1', link: { host: '10.0.0.1', port: 7083 }, http: 'http://[::1]:8083' },
    ...{ mysqlRw: null, mysqlRo: null, witness: true },
  });
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import {
  configFile,
  ensureSecrets,
  existingNodes,
  prepareDirectory,
  presentServer,
  writeMysqlOptions,
  writeNodeConfig,
} from './directory.js';
import { planDemo } from './plan.js';

const base = mkdtempSync(join(tmpdir(), 'skein-demo-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const DEMO = {
  httpPort: 8083,
  mysqlPort: 6446,
  linkPort: 7083,
  replicas: 2,
  acknowledge: 'majority',
} as const;
const plan = (directory: string) => planDemo({ ...DEMO, directory });

it('creates the directory, and says why when it cannot', () => {
  prepareDirectory(join(base, 'a', 'b'));
  writeFileSync(join(base, 'file'), '');
  expect(() => prepareDirectory(join(base, 'file', 'x'))).toThrowError(
    expect.objectContaining({ code: 'DIRECTORY_UNUSABLE', message: expect.stringContaining('--dir') }),
  );
});

it('makes secret and token once, for the owner only', async () => {
  const token = await ensureSecrets(base);
  expect(token).toMatch(/^skein_[\w-]{43}$/);
  expect(await ensureSecrets(base)).toBeNull();
  expect(readFileSync(join(base, 'admin.token'), 'utf8')).toBe(`${token}\n`);
  expect(readFileSync(join(base, 'cluster.secret'), 'utf8')).not.toBe(`${token}\n`);
  for (const name of ['admin.token', 'cluster.secret']) {
    expect(statSync(join(base, name)).mode & 0o777).toBe(0o600);
  }
});

it("writes MySQL's option file for the owner only, and follows a change of the port", async () => {
  const file = join(base, 'mysql.cnf');
  await ensureSecrets(base);
  for (const port of [6446, 9446]) {
    await writeMysqlOptions(base, port);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain(`[client]\nprotocol=tcp\nhost=127.0.0.1\nport=${port}\nuser=app\npassword=`);
    expect(text).not.toContain(readFileSync(join(base, 'cluster.secret'), 'utf8').trim());
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
});

it('knows the nodes that are there, in their order', () => {
  for (const name of ['n10', 'n2', 'n1', 'other']) mkdirSync(join(base, 'nodes', name), { recursive: true });
  expect(existingNodes(join(base, 'nodes'))).toEqual(['n1', 'n2', 'n10']);
});

it('keeps what a person set in node.json, and decides the rest', async () => {
  const [node] = plan(join(base, 'c'));
  if (!node) throw new Error('no plan');
  expect(await writeNodeConfig(node)).toBe(true);
  expect(await writeNodeConfig(node)).toBe(false);
  const file = configFile(node);
  const settings = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...settings, heartbeatIntervalMs: 250, acknowledge: 'async' }));
  expect(await writeNodeConfig(node)).toBe(true);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    heartbeatIntervalMs: 250,
    acknowledge: 'majority',
  });
  expect(await writeNodeConfig(node)).toBe(false);
});

it('knows the server that all nodes of the directory have in their files', async () => {
  const directory = join(base, 'servers');
  expect(presentServer(directory)).toBeNull();
  const nodes = plan(directory);
  for (const node of nodes) await writeNodeConfig(node);
  expect(presentServer(directory)).toBeNull();
  const named = planDemo({ ...DEMO, directory, server: 'mariadb-11.8' });
  for (const node of named) await writeNodeConfig(node);
  expect(presentServer(directory)).toBe('mariadb-11.8');
  // Without the option, the files keep it.
  for (const node of nodes) await writeNodeConfig(node);
  expect(presentServer(directory)).toBe('mariadb-11.8');
  const [first] = planDemo({ ...DEMO, directory, server: 'mariadb-10.11' });
  if (first) await writeNodeConfig(first);
  expect(presentServer(directory)).toBeNull();
});

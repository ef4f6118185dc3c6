/** The package that `npm pack` makes, installed outside of the clone and without a network. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../kit/processes.js';
import { until } from '../kit/until.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
let base: string;
let installed: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'skein-package-'));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', base], { cwd: PROJECT });
  installed = join(base, 'elsewhere');
  await mkdir(installed);
  await writeFile(join(installed, 'package.json'), '{ "private": true }\n');
  const tarball = join(base, stdout.trim().split('\n').at(-1) ?? '');
  // A cache of its own: what is not in the tarball cannot be had.
  await run(
    'npm',
    ['install', '--offline', '--no-audit', '--no-fund', '--cache', join(base, 'cache'), tarball],
    {
      cwd: installed,
    },
  );
});

afterAll(() => rm(base, { recursive: true, force: true }));

const skein = () => join(installed, 'node_modules/.bin/skein');

it('leaves the clone as it was', () => {
  expect(existsSync(join(PROJECT, 'packaging/bin'))).toBe(false);
  expect(readdirSync(PROJECT).filter((name) => name.endsWith('.tgz'))).toEqual([]);
});

it('has what a node needs, and nothing of the tests', async () => {
  const root = join(installed, 'node_modules/skein');
  for (const name of [
    'packaging/skein.service',
    'docs/three-machines.md',
    'monitoring/alerts.yml',
    'dist/console/index.html',
  ])
    expect([name, existsSync(join(root, name))]).toEqual([name, true]);
  for (const name of ['src', 'test', 'bench', 'console'])
    expect([name, existsSync(join(root, name))]).toEqual([name, false]);
});

it('has a command that finds its way', async () => {
  const { stdout } = await run(skein(), ['help'], { cwd: tmpdir() });
  expect(stdout).toContain('usage: skein <command>');
  const unit = await readFile(join(installed, 'node_modules/skein/packaging/skein.service'), 'utf8');
  const [, command = ''] = /^ExecStart=.* skein (\w+) --config/m.exec(unit) ?? [];
  expect((await run(skein(), ['help', command], { cwd: tmpdir() })).stdout).toContain('--config');
});

it('runs a cluster', async () => {
  const port = await freePorts([0, 1, 2, 3]);
  const ports = ['--http-port', `${port}`, '--link-port', `${port + 1}`, '--mysql-port', `${port + 2}`];
  const demo = spawn(skein(), ['demo', '--replicas', '0', '--dir', join(base, 'demo'), ...ports], {
    cwd: base,
    // The servers of the clone's cache: what is tested is the package, not the download.
    env: { ...process.env, SKEIN_CACHE: process.env.SKEIN_CACHE ?? join(PROJECT, '.skein-cache') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [demo.stdout, demo.stderr]) {
    stream.on('data', (text) => {
      said += text;
    });
  }
  try {
    await until('the cluster is ready', () => said.includes(`skein ready http://127.0.0.1:${port}`), {
      deadlineMs: 90_000,
      context: () => said,
    });
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect([page.status, (await page.text()).includes('<html')]).toEqual([200, true]);
  } finally {
    const ended = once(demo, 'exit');
    demo.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  }
});

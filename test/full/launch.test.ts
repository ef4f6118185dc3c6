/** `npm start`, `npm test` and `npm run build` in a small clone: the real scripts, compiler, bundler and test runner. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ENTRIES } from '../../scripts/build.mjs';
import { until } from '../kit/until.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const FILES = ['package.json', 'package-lock.json', 'tsconfig.json', 'vitest.config.ts', 'scripts'];
const CONSOLE = ['console/tsconfig.json', 'console/index.html', 'console/icon.svg'];
let root: string;
let npmCache: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'skein-launch-'));
  for (const name of [...FILES, 'client/tsconfig.json', ...CONSOLE, 'test/kit/fixed-seed.ts'])
    cpSync(join(PROJECT, name), join(root, name), { recursive: true });
  npmCache = join(root, 'npm-cache');
  write('client/src/index.ts', 'export const client = 1;\n');
  write('console/src/main.tsx', "import { render } from 'preact';\nrender(<p>console</p>, document.body);\n");
  for (const name of ENTRIES) write(`src/${name}.ts`, 'export {};\n');
  write(
    'src/main.ts',
    "import { pino } from 'pino';\nconsole.log(typeof pino, 'ran with', ...process.argv.slice(2));\n",
  );
  // An npm that "installs" the packages of this project, notes that it was called, and passes all checks.
  write(
    'bin/npm',
    `#!/bin/sh\necho "$1" >> npm-calls\necho "$npm_config_cache" > used-cache\n[ "$1" = ci ] && ln -sfn ${PROJECT}/node_modules node_modules\nexit 0\n`,
    0o755,
  );
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

function write(name: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text, { mode });
}

const calls = (): string[] =>
  existsSync(join(root, 'npm-calls')) ? readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n') : [];

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function begin(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: {
      ...process.env,
      PATH: [join(root, 'bin'), process.env.PATH].join(delimiter),
      NO_COLOR: '1',
      npm_config_cache: npmCache,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (more: string) => {
      text[name] += more;
    });
  }
  const ended = new Promise<Ended>((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code) => settle({ code, ...text }));
  });
  return { child, ended };
}

const run = (...args: string[]) => begin(...args).ended;
const start = (...args: string[]) => run('scripts/launch.mjs', 'dist/main.js', 'demo', ...args);
const build = () => run('scripts/launch.mjs', 'scripts/skein.mjs');

describe('a command', () => {
  it('installs and builds a fresh clone, and neither a second time', async () => {
    const first = await start('--replicas', '4');
    expect(first).toMatchObject({ code: 0, stdout: 'function ran with demo --replicas 4\n' });
    expect(first.stderr).toMatch(/installing[\s\S]*building \.\.\.\nskein: built in/);
    expect(await start()).toMatchObject({ code: 0, stdout: 'function ran with demo\n', stderr: '' });
    expect(calls()).toEqual(['ci']);
  });

  it('twice at once in a fresh clone installs once and builds once', async () => {
    const both = await Promise.all([start(), start()]);
    expect(both.map(({ code, stdout }) => [code, stdout])).toEqual(
      Array(2).fill([0, 'function ran with demo\n']),
    );
    expect(
      both
        .map(({ stderr }) => stderr)
        .join('')
        .match(/built in/g),
    ).toHaveLength(1);
    expect(calls()).toEqual(['ci']);
  });

  it('is not held up by one that was killed', async () => {
    write(
      'hold.mjs',
      "import { withLock } from './scripts/lock.mjs';\nawait withLock('build', () => new Promise(() => setInterval(() => console.log('held'), 50)));",
    );
    const holder = begin('hold.mjs');
    await until(
      'the lock is held',
      () => new Promise((settle) => holder.child.stdout?.once('data', () => settle(true))),
    );
    const waiting = begin('scripts/launch.mjs', 'dist/main.js');
    let told = '';
    waiting.child.stderr?.on('data', (text: string) => {
      told += text;
    });
    await until('it says for what it waits', () =>
      told.includes('waiting for another command that is at the build'),
    );
    holder.child.kill('SIGKILL');
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: 'function ran with\n' });
  });

  it('gives npm a cache in the clone when it cannot have its own (an account without a home)', async () => {
    const usedCache = () => readFileSync(join(root, 'used-cache'), 'utf8').trim();
    await start();
    expect(usedCache()).toBe(npmCache);
    rmSync(join(root, 'node_modules'));
    // A file has no directories in it.
    npmCache = join(root, 'package.json/.npm');
    await start();
    expect(usedCache()).toBe(join(root, '.skein-cache/npm'));
  });

  it('installs again when the lock file names another version, and says what to do when that fails', async () => {
    await start();
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    lock.packages['node_modules/fastify'].version = '5.0.0';
    write('package-lock.json', JSON.stringify(lock));
    write('bin/npm', '#!/bin/sh\nexit 1\n', 0o755);
    const answer = await start();
    expect(answer).toMatchObject({ code: 1, stdout: '' });
    expect(answer.stderr).toMatch(/installing[\s\S]*could not be installed \(npm ci, see above\)/);
  });

  it('starts nothing, not even what was built before, when a source does not compile', async () => {
    await start();
    write('src/main.ts', 'const = ;');
    const answer = await start();
    expect(answer).toMatchObject({ code: 1, stdout: '' });
    expect(answer.stderr).toMatch(/The sources do not compile[\s\S]*src\/main\.ts/);
  });

  it('names the Node that is too old, and what to do', async () => {
    const old = "data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '18.20.4' })";
    const answer = await run('--import', old, 'scripts/launch.mjs', 'dist/main.js');
    expect(answer).toMatchObject({ code: 1, stdout: '' });
    expect(answer.stderr).toMatch(
      /needs Node\.js 20\.19 or newer; this is 18\.20\.4 .*\nInstall a current version/,
    );
    expect(calls()).toEqual([]);
  });
});

describe('a build', () => {
  it('is made when contents changed, not when only a time did', async () => {
    await build();
    utimesSync(join(root, 'src/main.ts'), new Date(), new Date(Date.now() + 60_000));
    expect((await build()).stderr).toBe('');
    write('src/main.ts', "import { pino } from 'pino';\nconsole.log('two', typeof pino);\n");
    expect(await build()).toMatchObject({
      stdout: 'two function\n',
      stderr: expect.stringContaining('built in'),
    });
  });

  it('has a console, whose page names its script and style by their content', async () => {
    write('console/src/styles/a.css', 'p { color: teal }\n');
    await build();
    const built = readdirSync(join(root, 'dist/console'));
    const page = readFileSync(join(root, 'dist/console/index.html'), 'utf8');
    const [, style = ''] = /href="(style-\w{8}\.css)"/.exec(page) ?? [];
    const [, script = ''] = /src="(main-[\w-]{8}\.js)"/.exec(page) ?? [];
    expect(built).toEqual(expect.arrayContaining(['icon.svg', style, `${style}.gz`, script, `${script}.gz`]));
    write('console/src/styles/a.css', 'p { color: navy }\n');
    await build();
    expect(readdirSync(join(root, 'dist/console'))).not.toContain(style);
    expect(readdirSync(join(root, 'dist/console'))).toContain(script);
  });

  it('has a file for each entry, which share the other modules, and nothing of a build before', async () => {
    write('src/shared.ts', 'export const shared = { by: [] as string[] };\n');
    write(
      'src/client-plane/http-main.ts',
      "import { shared } from '../shared.js';\nshared.by.push('http');\n",
    );
    write(
      'src/main.ts',
      "import { shared } from './shared.js';\nawait import('./client-plane/http-main.js');\nconsole.log(shared.by);\n",
    );
    write('dist/old.js', '');
    expect(await build()).toMatchObject({ code: 0, stdout: "[ 'http' ]\n" });
    const files = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' });
    expect(files).toEqual(expect.arrayContaining(ENTRIES.map((name) => `${name}.js`)));
    expect(files).not.toContain('old.js');
    expect(readdirSync(join(root, 'client/dist'))).toContain('skein-client.js');
  });

  it('needs no packages beside it', async () => {
    await build();
    rmSync(join(root, 'node_modules'));
    expect(await run('dist/main.js')).toMatchObject({ code: 0, stdout: 'function ran with\n' });
  });
});

it('npx skein runs what was built, and says what to do before the first build', () => {
  // As npx does: by its link, which has to be executable.
  mkdirSync(join(root, 'node_modules'));
  spawnSync(process.execPath, ['scripts/launch.mjs', '--installed'], { cwd: root });
  const skein = () =>
    spawnSync(join(root, 'node_modules/.bin/skein'), ['status'], { cwd: tmpdir(), encoding: 'utf8' });
  expect(skein()).toMatchObject({ status: 1, stderr: expect.stringContaining('run "npm run build" first') });
  write('dist/main.js', "console.log('ran with', ...process.argv.slice(2));");
  expect(skein()).toMatchObject({ status: 0, stdout: 'ran with status\n' });
});

describe('a test run', () => {
  const test = (...args: string[]) => run('scripts/launch.mjs', 'scripts/test.mjs', ...args);
  const body = (text: string) => `import { beforeAll, describe, expect, it } from 'vitest';\n${text}\n`;
  const lastLines = ({ code, stdout }: Ended, count = 1) => [
    ...stdout.trimEnd().split('\n').slice(-count),
    code,
  ];
  const PASSES = body("it('passes', () => {});");

  it('counts, and names each failure with its reason', async () => {
    write(
      'src/x/a.test.ts',
      body(
        "describe('a', () => { it('b', () => expect(1, 'why').toBe(2)); it('c', () => {}); it.skip('d', () => {}); });",
      ),
    );
    write('src/x/broken.test.ts', "import './nowhere.js';");
    write(
      'src/x/hook.test.ts',
      body(
        "describe('e', () => { beforeAll(() => { throw new Error('no set-up'); }); it('f', () => {}); });",
      ),
    );
    write(
      'src/x/late.test.ts',
      body(
        "it('g', async () => { setTimeout(() => { throw new Error('too late'); }); await new Promise((d) => setTimeout(d, 50)); });",
      ),
    );
    const ended = await test('src/x');
    expect(lastLines(ended)).toEqual(['2 passed, 4 failed, 2 skipped', 1]);
    expect(ended.stdout).toContain('FAILED src/x/a.test.ts > a > b\n    why: expected 1 to be 2');
    expect(ended.stdout).toContain('FAILED src/x/hook.test.ts\n    no set-up');
    expect(ended.stdout).toContain("FAILED src/x/broken.test.ts\n    Cannot find module './nowhere.js'");
    expect(ended.stdout).toContain('FAILED outside of a test\n    too late');
    expect(calls(), 'no checks when files are named').toEqual(['ci']);
  });

  it('fails when nothing was run', async () => {
    expect(lastLines(await test('src/nowhere'))).toEqual(['0 passed, 1 failed', 1]);
  });

  it('ends with a count also when the sources do not compile', async () => {
    write('src/main.ts', 'const = ;');
    expect(lastLines(await test())).toEqual(['0 passed, 1 failed', 1]);
  });

  it('has the checks, unit and system tests; a name finds the slow ones too', async () => {
    for (const tier of ['src/x', 'test/system', 'test/full', 'test/long'])
      write(`${tier}/it.test.ts`, PASSES);
    expect(lastLines(await test())).toEqual(['2 passed, 0 failed', 0]);
    expect(calls()).toEqual(['ci', 'run']);
    expect(lastLines(await test('it.test'))).toEqual(['3 passed, 0 failed', 0]);
    expect(lastLines(await test('test/long/it.test.ts'))).toEqual(['1 passed, 0 failed', 0]);
    expect(lastLines(await test('--project', 'full'))).toEqual(['1 passed, 0 failed', 0]);
    write('bin/npm', '#!/bin/sh\nexit 1\n', 0o755);
    expect(lastLines(await test())).toEqual(['2 passed, 1 failed', 1]);
  });
});

it('the package holds the product only', () => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  // The packages that a node needs are bundled, as their authors published them (package.test.ts).
  const paths = (JSON.parse(stdout) as [{ files: { path: string }[] }])[0].files
    .map(({ path }) => path)
    .filter((path) => !path.startsWith('node_modules/'));
  expect(paths).toContain('dist/main.js');
  expect(paths).toContain('dist/console/index.html');
  expect(paths.filter((path) => /^(src|test|bench|scripts|client|console)\/|\.test\./.test(path))).toEqual(
    [],
  );
  // What only tests import is not in src: `npm run check` (knip --production) holds that.
});

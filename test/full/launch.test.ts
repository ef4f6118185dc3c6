import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../kit/until.js';

/**
 * What `npm start` and `npm test` decide: the real scripts/launch.mjs, in a clone whose compiler and test runner are
 * small scripts that note that they ran.
 */

const LAUNCHER = resolve(import.meta.dirname, '../../scripts/launch.mjs');
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'skein-launch-'));
  write('package-lock.json', JSON.stringify({ packages: { '': {} } }));
  write('node_modules/.package-lock.json', JSON.stringify({ packages: {} }));
  const empty = ['tsconfig.json', 'tsconfig.build.json', 'client/tsconfig.json', 'scripts/bundle.mjs'];
  for (const name of empty) write(name, '');
  write('client/src/index.ts', 'one');
  copyFileSync(LAUNCHER, join(root, 'scripts', 'launch.mjs'));
  write('src/main.ts', 'one');
  fakeTool('typescript', 'tsc', COMPILER);
  fakeTool('@biomejs/biome', 'biome', '');
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** Notes its run; "compiles" each source to a module that tells its arguments; a source that says so does not compile. */
const COMPILER = `
import fs from 'node:fs';
const isClient = process.argv.includes('client/tsconfig.json');
const from = isClient ? 'client/src/' : 'src/';
if (!isClient) fs.appendFileSync('ran', process.argv.includes('tsconfig.build.json') ? 'build\\n' : 'types\\n');
const sources = fs.readdirSync(from);
if (sources.some((name) => fs.readFileSync(from + name, 'utf8') === 'broken')) process.exit(2);
const to = process.argv[process.argv.indexOf('--outDir') + 1] + '/';
if (process.argv.includes('--outDir')) fs.mkdirSync(to, { recursive: true });
for (const name of process.argv.includes('--outDir') ? sources : []) {
  fs.writeFileSync(to + name.replace('.ts', '.js'), 'console.log("ran with", ...process.argv.slice(2))');
}
`;

function write(name: string, text: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}

function fakeTool(name: string, command: string, script: string): void {
  write(`node_modules/${name}/package.json`, JSON.stringify({ bin: { [command]: 'tool.mjs' } }));
  write(`node_modules/${name}/tool.mjs`, script);
}

interface Launched {
  /** What it has said on standard error so far. */
  stderr: string;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function begin(...args: string[]): Launched {
  const child = spawn(process.execPath, [join(root, 'scripts', 'launch.mjs'), ...args], {
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    launched.stderr += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code) => settle({ code, stdout, stderr: launched.stderr }));
  });
  const launched: Launched = { stderr: '', ended };
  return launched;
}

const launch = (...args: string[]) => begin(...args).ended;

const ran = () => (existsSync(join(root, 'ran')) ? readFileSync(join(root, 'ran'), 'utf8') : '');

describe('building', () => {
  it('happens once, and again when the contents of a source changed, not when only its time did', async () => {
    expect(await launch('start', '--replicas', '4')).toMatchObject({
      code: 0,
      stdout: 'ran with demo --replicas 4\n',
      stderr: expect.stringMatching(/building \.\.\.\nskein: built in/),
    });
    expect(await launch('start')).toMatchObject({ code: 0, stdout: 'ran with demo\n', stderr: '' });
    utimesSync(join(root, 'src/main.ts'), new Date(), new Date(Date.now() + 60_000));
    await launch('build');
    expect(ran()).toBe('build\n');
    write('src/main.ts', 'two');
    await launch('build');
    expect(ran()).toBe('build\nbuild\n');
  });

  it('drops what no source stands for any more', async () => {
    write('src/old.ts', '');
    await launch('build');
    expect(existsSync(join(root, 'dist/old.js'))).toBe(true);
    rmSync(join(root, 'src/old.ts'));
    await launch('build');
    expect(existsSync(join(root, 'dist/old.js'))).toBe(false);
    expect(existsSync(join(root, 'dist/main.js'))).toBe(true);
  });

  it('is of the client too', async () => {
    await launch('build');
    expect(existsSync(join(root, 'client/dist/index.js'))).toBe(true);
    rmSync(join(root, 'client/dist'), { recursive: true });
    await launch('build');
    expect(existsSync(join(root, 'client/dist/index.js'))).toBe(true);
  });

  it.each(['src/main.ts', 'client/src/index.ts'])(
    'that fails (%s) starts nothing, not even what was built before',
    async (source) => {
      await launch('build');
      write(source, 'broken');
      const answer = await launch('start');
      expect(answer).toMatchObject({ code: 1, stdout: '' });
      expect(answer.stderr).toContain('The sources do not compile');
    },
  );

  it('goes on without the bundle when that can not be made, and says so', async () => {
    write('scripts/bundle.mjs', 'process.exit(1)');
    const answer = await launch('start');
    expect(answer).toMatchObject({ code: 0, stdout: 'ran with demo\n' });
    expect(answer.stderr).toContain('could not be bundled');
  });

  it('waits for another one that is at it', async () => {
    const lock = '.skein-cache/launch-build.lock';
    write(lock, String(process.pid));
    const waiting = begin('build');
    await until('it says for whom it waits', () =>
      waiting.stderr.includes(`waiting for process ${process.pid}`),
    );
    expect(ran()).toBe('');
    rmSync(join(root, lock));
    expect((await waiting.ended).code).toBe(0);
    expect(ran()).toBe('build\n');
  });

  it('is not held up by the lock of a process that is gone', async () => {
    write('.skein-cache/launch-build.lock', '999999999');
    expect((await launch('build')).code).toBe(0);
    expect(ran()).toBe('build\n');
  });
});

it('makes `npx skein` known to npm, which says what to do before the first build', async () => {
  await launch('link');
  const command = join(root, 'node_modules/.bin/skein');
  const skein = () =>
    new Promise<string>((settle, reject) => {
      const child = spawn(command, ['status'], { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          said += text;
        });
      }
      child.once('error', reject);
      child.once('close', (code) => settle(`${code} ${said}`));
    });
  expect(await skein()).toContain('1 skein: not built yet; run "npm run build" first');
  await launch('build');
  expect(await skein()).toBe('0 ran with status\n');
});

it('names the packages of another lock file as the reason to install, and what to do when it can not', async () => {
  write(
    'package-lock.json',
    JSON.stringify({ packages: { '': {}, 'node_modules/fastify': { version: '5.0.0' } } }),
  );
  fakeTool('npm', 'npm', '');
  write('npm-cli.js', 'process.exit(1)');
  process.env.npm_execpath = join(root, 'npm-cli.js');
  try {
    const answer = await launch('start');
    expect(answer.code).toBe(1);
    expect(answer.stderr).toMatch(/installing the packages[\s\S]*could not be installed/);
    expect(ran()).toBe('');
  } finally {
    delete process.env.npm_execpath;
  }
});

it('refuses a command that it does not know', async () => {
  expect(await launch('begin')).toMatchObject({ code: 1, stderr: expect.stringContaining('usage: ') });
});

describe('the last line of a test run', () => {
  const test = (name: string, status: string) => ({ name, status });
  const report = (...files: { status: string; assertionResults: object[] }[]) => `
    import fs from 'node:fs';
    const file = process.argv.find((arg) => arg.startsWith('--outputFile.json=')).slice('--outputFile.json='.length);
    fs.writeFileSync(file, ${JSON.stringify(JSON.stringify({ testResults: files.map((file) => ({ name: 'x'.repeat(200), ...file })) }))});
    process.exit(${files.some(({ status }) => status === 'failed') ? 1 : 0});
  `;
  /** With a name, only these tests are run, without lint and types. */
  const lastLine = async (script: string, ...names: string[]) => {
    fakeTool('vitest', 'vitest', script);
    const { code, stdout } = await launch('test', ...names);
    return `${stdout.trimEnd().split('\n').at(-1)} -> ${code}`;
  };

  it.each([
    [
      'all is well',
      [{ status: 'passed', assertionResults: [test('a', 'passed'), test('b', 'skipped')] }],
      '1 passed, 0 failed, 1 skipped -> 0',
    ],
    [
      'a test failed',
      [{ status: 'failed', assertionResults: [test('a', 'failed'), test('b', 'passed')] }],
      '1 passed, 1 failed -> 1',
    ],
    ['a file could not be loaded', [{ status: 'failed', assertionResults: [] }], '0 passed, 1 failed -> 1'],
    ['nothing was run', [], '0 passed, 1 failed -> 1'],
  ])('counts when %s', async (_what, files, line) => {
    expect(await lastLine(report(...files), 'src/x')).toBe(line);
  });

  it('is never "0 failed" when the runner itself crashed', async () => {
    expect(await lastLine('process.exit(134)', 'src/x')).toBe('0 passed, 1 failed -> 1');
  });

  it('counts lint, types and a build that fails', async () => {
    fakeTool('@biomejs/biome', 'biome', 'process.exit(1)');
    write('src/main.ts', 'broken');
    const passing = report({ status: 'passed', assertionResults: [test('a', 'passed')] });
    expect(await lastLine(passing)).toBe('1 passed, 3 failed -> 1');
  });
});

it.each<[string[], string]>([
  [['test'], 'unit system'],
  [['test', 'test/full/x.test.ts'], 'unit system full'],
  [['test-all'], 'unit system full'],
  [['test-all', '--rest'], 'full'],
  [['test-long'], 'long'],
])('%j runs the tiers %s', async (args, tiers) => {
  fakeTool(
    'vitest',
    'vitest',
    "process.stdout.write(['ran', ...process.argv].join(' ') + String.fromCharCode(10))",
  );
  const { stdout } = await launch(...(args as [string, ...string[]]));
  const ran = /^ran (.*)$/m.exec(stdout)?.[1] ?? '';
  expect([...ran.matchAll(/--project (\S+)/g)].map(([, name]) => name).join(' ')).toBe(tiers);
});

it('a fuzz run hands its options on, to the one file', async () => {
  fakeTool(
    'vitest',
    'vitest',
    "const e = process.env; process.stdout.write(['ran', process.argv.at(-1), e.SKEIN_FUZZ_SECONDS, e.SKEIN_FUZZ_TARGET, e.SKEIN_FUZZ_SEED].join(' '))",
  );
  const { stdout } = await launch('fuzz', '--minutes', '2', '--target', 'HTTP bodies', '--seed', '7');
  expect(stdout).toContain('ran test/system/fuzz.test.ts 120 HTTP bodies 7');
});

it('a second build by the real tools, after one file was changed, runs as the first one did', async () => {
  const project = resolve(import.meta.dirname, '../..');
  await rm(join(root, 'node_modules'), { recursive: true, force: true });
  for (const name of ['src', 'client', 'scripts', 'tsconfig.json', 'tsconfig.build.json', 'package.json']) {
    cpSync(join(project, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'));
  const help = () =>
    spawnSync(process.execPath, [join(root, 'dist', 'main.js'), 'help', 'status'], { encoding: 'utf8' });
  const build = () =>
    spawnSync(process.execPath, [join(root, 'scripts', 'launch.mjs'), 'build'], { encoding: 'utf8' });
  expect(build().stderr).toContain('built in');
  const first = help();
  expect(first.status, first.stderr).toBe(0);
  write('src/std/clock.ts', `${readFileSync(join(root, 'src/std/clock.ts'), 'utf8')}// changed\n`);
  expect(build().stderr).toContain('built in');
  expect(existsSync(join(root, 'dist', 'packages'))).toBe(true);
  // A module that only a node loads, and that was not changed.
  const node = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `await import(${JSON.stringify(join(root, 'dist', 'node.js'))})`],
    {
      encoding: 'utf8',
    },
  );
  expect(node.status, node.stderr).toBe(0);
  expect(help()).toMatchObject({ status: 0, stdout: first.stdout });
});

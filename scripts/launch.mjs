// @ts-nocheck
// Behind `npm start`, `npm test`, `npm run build`, `npm run test:all`, `test:long`, `fuzz` and `bench`: makes a fresh clone ready (installs,
// builds) and starts what was asked for. Plain JavaScript without a dependency, because it runs before there is one.
// Nothing is repeated when nothing changed: stamps in node_modules and dist say what they were made from.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const dist = join(root, 'dist');
const installStamp = join(modules, '.skein-install.json');
const clientDist = join(root, 'client', 'dist');
const buildStamp = join(dist, '.skein-build.json');

/** Standard error: standard output belongs to the command (its "skein ready" line, its last line of counts). */
const say = (text) => process.stderr.write(`${text}\n`);

/** A failure with a text for people; anything else that is thrown here is a defect. */
class LaunchError extends Error {}

function checkNode() {
  // 20.19 is what the test runner and the type checker need; older ones fail later with obscure messages.
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new LaunchError(
    `Skein needs Node.js 20.19 or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a current version from https://nodejs.org or with your version manager (for example `nvm install 22`), then try again.',
  );
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** A stamp is a convenience: where the directory can not be written, the comparison is made again next time. */
function writeJson(file, value) {
  try {
    fs.writeFileSync(file, JSON.stringify(value));
  } catch {}
}

function hash(...parts) {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part).update('\0');
  return sum.digest('hex');
}

function isWritable(path) {
  for (let at = path; ; at = dirname(at)) {
    try {
      fs.accessSync(at, fs.constants.W_OK | fs.constants.X_OK);
      return true;
    } catch (error) {
      if (error.code !== 'ENOENT' || at === dirname(at)) return false;
    }
  }
}

// --- install -----------------------------------------------------------------------------------------------

/** True when what is installed is what the lock file names, whoever installed it. */
function installedMatchesLock() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const present = readJson(join(modules, '.package-lock.json'))?.packages;
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    if (present[path] === undefined) return entry.optional === true; // for another platform
    return present[path].version === entry.version;
  });
}

function npmCommand() {
  const cli = process.env.npm_execpath;
  // The npm that started us, so that it is the same version and needs no PATH.
  if (cli && /npm-cli\.c?js$/.test(cli) && fs.existsSync(cli)) return [process.execPath, [cli]];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
}

/** npm needs a directory to write to, which a service account (HOME=/nonexistent) does not have. */
function npmEnvironment() {
  const env = { ...process.env };
  const cache = env.npm_config_cache ?? join(env.HOME ?? '/nonexistent', '.npm');
  if (isWritable(cache)) return env;
  const own = join(root, '.skein-cache', 'npm');
  env.npm_config_cache = isWritable(own) ? own : join(tmpdir(), `skein-npm-${process.getuid?.() ?? 0}`);
  env.npm_config_logs_dir = join(env.npm_config_cache, '_logs');
  return env;
}

async function ensureInstalled() {
  const lock = hash(
    fs.readFileSync(join(root, 'package-lock.json')),
    `${process.platform} ${process.arch} ${process.versions.modules}`,
  );
  if (readJson(installStamp)?.lock === lock) return linkCommand();
  if (!installedMatchesLock()) {
    await withLock('install', async () => {
      if (installedMatchesLock()) return;
      if (!isWritable(modules)) {
        throw new LaunchError(
          `The packages in ${modules} are not those of package-lock.json, and this user can not write there.\nRun \`npm ci\` as the owner of ${root}.`,
        );
      }
      const started = Date.now();
      say('skein: installing the packages that package-lock.json names (once) ...');
      const [command, args] = npmCommand();
      const code = await run(
        command,
        [...args, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
        {
          env: npmEnvironment(),
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
      if (code !== 0) {
        throw new LaunchError(
          'The packages could not be installed (npm ci, see above). Without a network, copy node_modules from a machine that has one.',
        );
      }
      say(`skein: installed in ${seconds(started)}`);
    });
  }
  writeJson(installStamp, { lock });
  linkCommand();
}

/**
 * What `npx skein` runs. With a "bin" in package.json npx would install this very package into its own cache at each call:
 * that takes a second more, and fails for a service account that has no home.
 */
function linkCommand() {
  const file = join(modules, '.bin', 'skein');
  const text = `#!/usr/bin/env node
const main = require('node:path').join(__dirname, '..', '..', 'dist', 'main.js');
if (require('node:fs').existsSync(main)) import(require('node:url').pathToFileURL(main).href);
else {
  console.error('skein: not built yet; run "npm run build" first');
  process.exitCode = 1;
}
`;
  if (readText(file) === text) return;
  try {
    fs.mkdirSync(dirname(file), { recursive: true });
    fs.writeFileSync(file, text, { mode: 0o755 });
  } catch {} // Somebody else's clone, whose owner has it.
}

// --- build -------------------------------------------------------------------------------------------------

function* sourceFiles(directory) {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(path);
    else if (/\.m?ts$/.test(entry.name) && !/\.test\.ts$/.test(entry.name)) yield path;
  }
}

const BUILD_INPUTS = [
  'tsconfig.json',
  'tsconfig.build.json',
  'client/tsconfig.json',
  'package-lock.json',
  'scripts/bundle.mjs',
];

function sourceState() {
  const files = [
    ...sourceFiles(join(root, 'src')),
    ...sourceFiles(join(root, 'client', 'src')),
    ...BUILD_INPUTS.map((name) => join(root, name)),
  ].sort();
  return {
    files,
    // Size and time tell in a few milliseconds that nothing was touched; contents decide when something was.
    quick: hash(
      ...files.map((file) => {
        const { size, mtimeMs } = fs.statSync(file);
        return `${file} ${size} ${mtimeMs}`;
      }),
    ),
    contents: () => hash(...files.flatMap((file) => [file.slice(root.length), fs.readFileSync(file)])),
  };
}

async function ensureBuilt() {
  const state = sourceState();
  const stamp = readJson(buildStamp);
  const isPresent = () => fs.existsSync(join(dist, 'main.js')) && fs.existsSync(join(clientDist, 'index.js'));
  const present = isPresent();
  if (present && stamp?.quick === state.quick) return;
  const contents = state.contents();
  if (present && stamp?.contents === contents) {
    writeJson(buildStamp, { contents, quick: state.quick });
    return;
  }
  await withLock('build', async () => {
    if (isPresent() && readJson(buildStamp)?.contents === contents) return;
    if (!isWritable(root)) {
      throw new LaunchError(
        `The sources are newer than ${dist}, and this user can not write in ${root}.\nRun \`npm run build\` as the owner of ${root}, or make a clone of your own.`,
      );
    }
    const started = Date.now();
    say('skein: building ...');
    // Whole and beside the old one: what runs from dist keeps its files until the new ones are all there, no module that was
    // removed lives on, and the bundling sees every import.
    const fresh = `${dist}.new`;
    fs.rmSync(fresh, { recursive: true, force: true });
    fs.rmSync(clientDist, { recursive: true, force: true });
    const compile = (...args) =>
      run(process.execPath, [tool('typescript', 'tsc'), '-p', ...args], { stdio: ['ignore', 2, 2] });
    const codes = await Promise.all([
      compile('tsconfig.build.json', '--outDir', fresh),
      compile('client/tsconfig.json', '--outDir', clientDist),
    ]);
    if (codes.some((code) => code !== 0))
      throw new LaunchError('The sources do not compile; see the errors above.');
    const bundled = await run(process.execPath, [join(root, 'scripts', 'bundle.mjs'), fresh, clientDist], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    if (bundled !== 0)
      say('skein: the packages could not be bundled; everything works, and starts more slowly');
    writeJson(join(fresh, basename(buildStamp)), { contents, quick: state.quick });
    const old = `${dist}.old`;
    fs.rmSync(old, { recursive: true, force: true });
    if (fs.existsSync(dist)) fs.renameSync(dist, old);
    fs.renameSync(fresh, dist);
    fs.rmSync(old, { recursive: true, force: true });
    say(`skein: built in ${seconds(started)}`);
  });
}

// --- what was asked for ------------------------------------------------------------------------------------

async function start(args) {
  await ensureInstalled();
  await ensureBuilt();
  // In this very process: no second start-up time, and nobody in between who would have to pass signals on.
  const main = join(dist, 'main.js');
  process.argv = [process.execPath, main, 'demo', ...args];
  await import(pathToFileURL(main).href);
}

async function test(args, projects) {
  await ensureInstalled();
  const failures = [];
  // A run for some files only (`npm test -- src/model`) is for the work at hand: straight to the tests.
  if (args.length === 0) {
    say('skein: checking format and lint ...');
    if ((await run(process.execPath, [tool('@biomejs/biome', 'biome'), 'check', '.'])) !== 0) {
      failures.push('check: biome (format and lint); `npx biome check --write .` mends most of it');
    }
    say('skein: checking types ...');
    if ((await run(process.execPath, [tool('typescript', 'tsc'), '-p', 'tsconfig.json'])) !== 0) {
      failures.push('check: tsc (types)');
    }
  }
  try {
    await ensureBuilt();
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    failures.push(`build: ${error.message}`);
  }
  const count = await vitest(args, projects);
  for (const name of [...failures, ...count.problems]) console.log(`FAILED ${name}`);
  const failed = count.failed + failures.length;
  console.log(
    `${count.passed} passed, ${failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`,
  );
  return failed > 0 ? 1 : 0;
}

/** `npm run test:all [-- --rest]`: everything but the long tests; `--rest` leaves out what `npm test` runs. */
async function testAll(args) {
  const rest = args.includes('--rest');
  const others = args.filter((arg) => arg !== '--rest');
  return test(others, rest ? ['full'] : ['unit', 'system', 'full']);
}

/**
 * `npm run fuzz [-- --minutes N] [--target NAME] [--seed N] [--case N]`: the hostile inputs of `npm test` for longer, or one
 * of them again.
 */
async function fuzz(args) {
  const { values } = parseArgs({
    args,
    options: Object.fromEntries(
      ['minutes', 'target', 'seed', 'case'].map((name) => [name, { type: 'string' }]),
    ),
  });
  process.env.SKEIN_FUZZ_SECONDS = String(60 * Number(values.minutes ?? 5));
  if (values.target !== undefined) process.env.SKEIN_FUZZ_TARGET = values.target;
  if (values.seed !== undefined) process.env.SKEIN_FUZZ_SEED = values.seed;
  if (values.case !== undefined) process.env.SKEIN_FUZZ_CASE = values.case;
  return test(['test/system/fuzz.test.ts'], ['system']);
}

/** Runs the test projects and counts; a run that could not happen counts as failed, never as "0 failed". */
async function vitest(args, projects) {
  const directory = fs.mkdtempSync(join(tmpdir(), 'skein-test-'));
  const report = join(directory, 'report.json');
  try {
    const code = await run(process.execPath, [
      tool('vitest', 'vitest'),
      'run',
      ...projects.flatMap((name) => ['--project', name]),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...args,
    ]);
    return countOf(readJson(report), code);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function countOf(report, code) {
  const count = { passed: 0, failed: 0, skipped: 0, problems: [] };
  for (const file of report?.testResults ?? []) {
    for (const { status } of file.assertionResults) {
      if (status === 'passed') count.passed++;
      else if (status === 'failed') count.failed++;
      else count.skipped++;
    }
    // A file that could not be loaded, or whose set-up failed, has no failed test of its own.
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) {
      count.failed++;
      count.problems.push(`file: ${file.name.slice(root.length + 1)}`);
    }
  }
  if (count.failed === 0 && (code !== 0 || count.passed === 0)) {
    count.failed++;
    count.problems.push(
      code !== 0 ? `run: the test runner ended with ${code} (see above)` : 'run: no test was run',
    );
  }
  return count;
}

/**
 * `npm run bench [-- name ...] [--option ...]`: each bench/<name>.bench.ts prints its own figures. Without a name all
 * are run, in their short form where they have one.
 */
async function bench(args) {
  await ensureInstalled();
  await ensureBuilt();
  const all = fs
    .readdirSync(join(root, 'bench'))
    .filter((name) => name.endsWith('.bench.ts'))
    .map((name) => name.replace(/\.bench\.ts$/, ''))
    .sort();
  const optionsFrom = args.findIndex((arg) => arg.startsWith('-'));
  const wanted = optionsFrom < 0 ? args : args.slice(0, optionsFrom);
  const options = [...(wanted.length === 0 ? ['--short'] : []), ...args.slice(wanted.length)];
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined)
    throw new LaunchError(`There is no bench "${unknown}"; there are: ${all.join(', ') || 'none'}`);
  // Beside the packages that they import, outside of dist, which holds the product only.
  const built = join(root, '.skein-cache', 'bench');
  const compile = ['-p', 'tsconfig.json', '--noEmit', 'false', '--outDir', built];
  if ((await run(process.execPath, [tool('typescript', 'tsc'), ...compile])) !== 0) {
    throw new LaunchError('The benches do not compile; see the errors above.');
  }
  let worst = 0;
  for (const name of wanted.length > 0 ? wanted : all) {
    say(`skein: bench ${name}`);
    worst = Math.max(
      worst,
      await run(process.execPath, [join(built, 'bench', `${name}.bench.js`), ...options]),
    );
  }
  return worst;
}

// --- helpers -----------------------------------------------------------------------------------------------

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** The script behind a package's command, without a shell and without PATH. */
function tool(name, command) {
  const directory = join(modules, name);
  const { bin } = readJson(join(directory, 'package.json')) ?? {};
  const script = typeof bin === 'string' ? bin : bin?.[command];
  if (!script)
    throw new LaunchError(`${name} is not installed as expected; remove node_modules and try again.`);
  return join(directory, script);
}

/** Resolves with the exit code (128 + number for a signal). A signal to us goes on to the child, and we wait for it. */
function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      ...options,
      env: { ...(options.env ?? process.env), PATH: withNode(process.env.PATH) },
    });
    const pass = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM'];
    for (const signal of signals) process.on(signal, pass);
    const done = () => {
      for (const signal of signals) process.off(signal, pass);
    };
    child.on('error', (error) => {
      done();
      reject(new LaunchError(`Can not run ${command}: ${error.message}`));
    });
    child.on('exit', (code, signal) => {
      done();
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}

const withNode = (path) => [dirname(process.execPath), path].filter(Boolean).join(delimiter);

/** Two commands at once in a fresh clone (`npm start` and `npm test`) must not install or build over each other. */
async function withLock(name, work) {
  const directory = join(root, '.skein-cache');
  const file = join(directory, `launch-${name}.lock`);
  try {
    fs.mkdirSync(directory, { recursive: true });
  } catch {
    return work();
  }
  let told = false;
  for (;;) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') return work();
      const owner = Number(readText(file));
      if (!isAlive(owner) && !isYoung(file)) {
        fs.rmSync(file, { force: true });
        continue;
      }
      if (!told) say(`skein: waiting for process ${owner}, which is at the same (${name}) ...`);
      told = true;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  try {
    return await work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** An empty lock that was made this moment is one whose owner is about to write its number. */
function isYoung(file) {
  try {
    const { size, mtimeMs } = fs.statSync(file);
    return size === 0 && Date.now() - mtimeMs < 2000;
  } catch {
    return false;
  }
}

function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function build() {
  await ensureInstalled();
  await ensureBuilt();
}

const commands = {
  start,
  build,
  link: linkCommand,
  // A file that is named may be of the rest.
  test: (args) => test(args, args.length === 0 ? ['unit', 'system'] : ['unit', 'system', 'full']),
  'test-all': (args) => testAll(args),
  'test-long': (args) => test(args, ['long']),
  fuzz,
  bench,
};

try {
  checkNode();
  const [name = '', ...args] = process.argv.slice(2);
  const command = commands[name];
  if (!command)
    throw new LaunchError(`usage: node scripts/launch.mjs ${Object.keys(commands).join('|')} [arguments]`);
  const code = await command(args);
  if (code !== undefined) process.exitCode = code;
} catch (error) {
  if (!(error instanceof LaunchError)) throw error;
  say(`skein: ${error.message}`);
  process.exitCode = 1;
}

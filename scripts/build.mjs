// `npm run build`: src/ and the packages that it imports become dist/, console/ becomes dist/console/, client/src/ becomes client/dist/.
// Types are not checked here; `npm run check` does that.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { buildConsole } from './build-console.mjs';
import { withLock } from './lock.mjs';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
/** Tells what dist was made from. */
const stamp = join(dist, '.inputs');

/**
 * The modules of src that something names: processes and threads are started by them, tests and scripts load them. Each is a file of
 * dist with the same path. All other modules are in dist/chunks: finding, opening and linking each of them by itself took a fifth of
 * the time in which a node starts.
 */
export const ENTRIES = [
  'main',
  'client-plane/http-main',
  'client-plane/mysql-main',
  ...['election/options', 'roles/primary/primary-role', 'spool/spool', 'spool/storage'],
  ...['server-packages/obtain', 'server-process/managed-server', 'flavour/mariadb/mariadb', 'std/logger'],
  ...['api/errors', 'http/endpoints/all'],
];

/** True when dist was made from what is there now. */
export function isBuilt() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs();
}

export async function build({ onlyIfChanged = false } = {}) {
  await withLock('build', async () => {
    if (onlyIfChanged && isBuilt()) return;
    const startedAtMs = performance.now();
    console.error('skein: building ...');
    const madeFrom = inputs();
    // Whole and beside the old one: what runs from dist keeps its files until the new ones are all there.
    const fresh = `${dist}.new`;
    const clientDist = join(root, 'client', 'dist');
    for (const directory of [fresh, clientDist]) rmSync(directory, { recursive: true, force: true });
    const { rolldown } = await import('rolldown');
    await Promise.all([
      bundle(rolldown, fresh).catch(notCompiled),
      buildConsole(rolldown, join(fresh, 'console')).catch(notCompiled),
      compile('client/tsconfig.json', '--outDir', clientDist),
    ]);
    // For pages that have no bundler of their own.
    const client = await rolldown({ input: join(clientDist, 'index.js'), platform: 'browser' });
    await client.write({ file: join(clientDist, 'skein-client.js'), format: 'esm' });
    writeFileSync(join(fresh, '.inputs'), madeFrom);
    const old = `${dist}.old`;
    rmSync(old, { recursive: true, force: true });
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
    rmSync(old, { recursive: true, force: true });
    console.error(`skein: built in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
  });
}

/** @param {string} directory */
const filesBelow = (directory) =>
  readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).map(
    (name) => `${directory}/${name}`,
  );

/** A hash of all that the build reads. Contents, not times: a checkout or a copy may set any time. */
function inputs() {
  const sources = [...filesBelow('src'), ...filesBelow('client/src'), ...filesBelow('console')].filter(
    (name) => /\.(tsx?|css|html|svg)$/.test(name) && !name.endsWith('.test.ts'),
  );
  const others = ['tsconfig.json', 'client/tsconfig.json', 'console/tsconfig.json', 'package-lock.json'];
  const hash = createHash('sha256');
  for (const name of [...sources.sort(), ...others, 'scripts/build.mjs', 'scripts/build-console.mjs']) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(root, name)))
      .update('\0');
  }
  return hash.digest('hex');
}

/**
 * @param {typeof import('rolldown').rolldown} rolldown
 * @param {string} directory
 */
async function bundle(rolldown, directory) {
  const modules = await rolldown({
    cwd: root,
    input: Object.fromEntries(ENTRIES.map((name) => [name, `src/${name}.ts`])),
    platform: 'node',
  });
  await modules.write({
    dir: directory,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
  });
}

/** @param {Error} error @returns {never} */
function notCompiled({ message }) {
  throw new Error(`The sources do not compile:\n${stripVTControlCharacters(message)}`);
}

/** @param {string[]} args */
async function compile(...args) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', ...args], { cwd: root });
  } catch (error) {
    const { stdout, message } = /** @type {Error & { stdout?: string }} */ (error);
    throw new Error(`The sources do not compile (tsc -p ${args.join(' ')}):\n${stdout || message}`);
  }
}

if (process.argv[1] === import.meta.filename) {
  await build().catch((error) => {
    console.error(`skein: ${error.message}`);
    process.exitCode = 1;
  });
}

// `npm run build`: src/ becomes dist/, client/src/ becomes client/dist/. Every module of src is a module of dist with the same path,
// so whatever is started by its file name (a process, a worker thread) needs no entry here.
// Types are not checked here; `npm run check` does that.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from './lock.mjs';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
/** Tells what dist was made from. */
const stamp = join(dist, '.inputs');

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
    await Promise.all([
      compile('tsconfig.build.json', '--noCheck', '--outDir', fresh),
      compile('client/tsconfig.json', '--outDir', clientDist),
    ]);
    const { rolldown } = await import('rolldown');
    await bundlePackages(fresh);
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
  const sources = [...filesBelow('src'), ...filesBelow('client/src')].filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  const others = ['tsconfig.json', 'tsconfig.build.json', 'client/tsconfig.json', 'package-lock.json'];
  const hash = createHash('sha256');
  for (const name of [...sources.sort(), ...others, 'scripts/build.mjs']) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(root, name)))
      .update('\0');
  }
  return hash.digest('hex');
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

/**
 * Makes dist/node_modules, where Node looks before it looks into node_modules: the packages that the modules of dist import, in a
 * dozen files. Else each node would find, open and link some 800 small files, which is a third of what its start takes.
 * @param {string} directory
 */
async function bundlePackages(directory) {
  const [{ rolldown }, { parseSync }] = await Promise.all([import('rolldown'), import('rolldown/utils')]);
  /** @type {Map<string, Set<string>>} The names that are imported from each package. */
  const names = new Map();
  for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.js')) continue;
    for (const { moduleRequest, entries } of parseSync(file, readFileSync(join(directory, file), 'utf8'))
      .module.staticImports) {
      const specifier = moduleRequest.value;
      if (/^(\.|node:)/.test(specifier)) continue;
      const known = names.get(specifier) ?? new Set();
      for (const { importName } of entries) known.add(importName.name ?? 'default');
      names.set(specifier, known);
    }
  }
  // A CommonJS package bundled by itself would export its default only: each entry is a module that names what is imported.
  const prefix = '\0imported from ';
  const packages = await rolldown({
    cwd: root,
    input: Object.fromEntries([...names.keys()].map((specifier) => [fileOf(specifier), prefix + specifier])),
    platform: 'node',
    plugins: [
      {
        name: 'imported names',
        resolveId: (id) => (id.startsWith(prefix) ? id : null),
        load: (id) => {
          const specifier = id.slice(prefix.length);
          return id.startsWith(prefix)
            ? `export { ${[...(names.get(specifier) ?? [])].join(', ')} } from '${specifier}';`
            : null;
        },
      },
    ],
  });
  const target = join(directory, 'node_modules');
  await packages.write({
    dir: target,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: 'shared/[name].mjs',
  });
  for (const name of new Set([...names.keys()].map(packageOf))) {
    const own = [...names.keys()].filter((specifier) => packageOf(specifier) === name);
    const exports = own.map((specifier) => [
      `.${specifier.slice(name.length)}`,
      `.${fileOf(specifier).slice(name.length)}.mjs`,
    ]);
    writeFileSync(
      join(target, name, 'package.json'),
      JSON.stringify({ exports: Object.fromEntries(exports) }),
    );
  }
}

/** `@a/b/c` is of `@a/b`. @param {string} specifier */
const packageOf = (specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;

/** @param {string} specifier */
const fileOf = (specifier) => (specifier === packageOf(specifier) ? `${specifier}/index` : specifier);

if (process.argv[1] === import.meta.filename) {
  await build().catch((error) => {
    console.error(`skein: ${error.message}`);
    process.exitCode = 1;
  });
}

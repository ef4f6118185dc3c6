// @ts-nocheck
// The last step of a build (`node scripts/bundle.mjs dist client/dist`). First, what Skein's modules import from packages becomes a few files beside them, dist/packages.
// Else each node would look up, open and link some 800 small files at its start, which is most of what a start costs.
// Skein's own modules stay one file each, with the names and lines that a stack trace shows; only the place that an
// import names is changed. A dist without this step works as well, only later.
// Second, the client's modules become one file for pages that have no bundler of their own, client/dist/skein-client.js.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { rolldown } from 'rolldown';

const IMPORT = /^import ([^'"]+?) from '((?!node:)[^./'][^']*)';$/gm;
const VIRTUAL = '\0names-of:';

await bundlePackages(resolve(process.argv[2] ?? 'dist'));
await bundleClient(resolve(process.argv[3] ?? 'client/dist'));

/** Replaces the imports of packages in all modules of `dist`. */
async function bundlePackages(dist) {
  const modules = readdirSync(dist, { recursive: true })
    .filter((name) => name.endsWith('.js') && !name.startsWith('packages'))
    .map((name) => ({ name, text: readFileSync(join(dist, name), 'utf8') }));
  const names = new Map();
  for (const { text } of modules) {
    for (const [, clause, specifier] of text.matchAll(IMPORT)) {
      names.set(specifier, new Set([...(names.get(specifier) ?? []), ...importedNames(clause)]));
    }
  }
  const build = await rolldown({
    cwd: dirname(dist),
    input: Object.fromEntries([...names.keys()].map((specifier) => [fileOf(specifier), VIRTUAL + specifier])),
    platform: 'node',
    plugins: [
      {
        name: 'names of packages',
        resolveId: (id) => (id.startsWith(VIRTUAL) ? id : null),
        load: (id) => (id.startsWith(VIRTUAL) ? namesModule(id.slice(VIRTUAL.length), names) : null),
      },
    ],
  });
  await build.write({ dir: join(dist, 'packages'), format: 'esm', entryFileNames: '[name].js' });
  await build.close();
  for (const { name, text } of modules) {
    const place = (specifier) => {
      const path = relative(dirname(join(dist, name)), join(dist, 'packages', `${fileOf(specifier)}.js`));
      const portable = path.split(sep).join(posix.sep);
      return portable.startsWith('.') ? portable : `./${portable}`;
    };
    const changed = text.replace(
      IMPORT,
      (_all, clause, specifier) => `import ${clause} from '${place(specifier)}';`,
    );
    if (changed !== text) writeFileSync(join(dist, name), changed);
  }
}

async function bundleClient(dist) {
  const build = await rolldown({ input: join(dist, 'index.js'), platform: 'browser' });
  await build.write({ file: join(dist, 'skein-client.js'), format: 'esm' });
  await build.close();
}

/** `{ a, b as c }` imports a and b; `d, { a }` also the default. */
function importedNames(clause) {
  const [, first, braces] = /^(\w+)?(?:, )?(?:\{(.*)\})?$/s.exec(clause) ?? [];
  if (first === undefined && braces === undefined) throw new Error(`can not bundle "import ${clause}"`);
  const named = (braces ?? '').split(',').map((part) => part.trim().split(' as ')[0]);
  return [...(first === undefined ? [] : ['default']), ...named].filter(Boolean);
}

function namesModule(specifier, names) {
  return `export { ${[...names.get(specifier)].join(', ')} } from '${specifier}';`;
}

function fileOf(specifier) {
  return specifier.replace(/^@/, '').replaceAll('/', '-');
}

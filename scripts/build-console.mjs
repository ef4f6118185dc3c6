// The console: console/src becomes plain files that a node serves. Their names carry a hash of their content, so that a browser may
// keep them for good; index.html names them.
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

const source = join(import.meta.dirname, '../console');

/**
 * @param {typeof import('rolldown').rolldown} rolldown
 * @param {string} directory
 */
export async function buildConsole(rolldown, directory) {
  const modules = await rolldown({
    cwd: source,
    input: { main: 'src/main.tsx' },
    platform: 'browser',
    tsconfig: 'tsconfig.json',
    resolve: { extensionAlias: { '.js': ['.ts', '.tsx', '.js'] } },
  });
  const { output } = await modules.write({
    dir: directory,
    format: 'esm',
    minify: true,
    entryFileNames: '[name]-[hash].js',
    chunkFileNames: '[name]-[hash].js',
    // The editor changes less often than what is around it, so a browser keeps it longer.
    codeSplitting: {
      groups: [
        { name: 'editor', test: /node_modules\/(@codemirror|@lezer|@marijn|style-mod|crelt|w3c-keyname)\// },
      ],
    },
  });
  const [main] = output;
  const css = stylesheets();
  const style = `style-${createHash('sha256').update(css).digest('hex').slice(0, 8)}.css`;
  writeFileSync(join(directory, style), css);
  cpSync(join(source, 'icon.svg'), join(directory, 'icon.svg'));
  const page = readFileSync(join(source, 'index.html'), 'utf8')
    .replace('"main.js"', `"${main.fileName}"`)
    .replace('"style.css"', `"${style}"`);
  writeFileSync(join(directory, 'index.html'), page);
  // Compressed once here, not by the node at each request.
  for (const name of readdirSync(directory)) {
    const small = gzipSync(readFileSync(join(directory, name)), { level: constants.Z_BEST_COMPRESSION });
    writeFileSync(join(directory, `${name}.gz`), small);
  }
}

/** One after the other: what all views share first (styles/), then parts and views. */
function stylesheets() {
  const names = readdirSync(join(source, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.css'))
    .sort((a, b) => Number(b.startsWith('styles/')) - Number(a.startsWith('styles/')) || (a < b ? -1 : 1));
  const files = names.map((name) => join(source, 'src', name));
  // Looked for now: this module is loaded before the packages are installed.
  const ofPackages = [fileURLToPath(import.meta.resolve('uplot/dist/uPlot.min.css'))];
  return [...ofPackages, ...files].map((name) => readFileSync(name, 'utf8')).join('\n');
}

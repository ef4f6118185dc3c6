// `npm run bench [-- name ...] [--option ...]`: each bench/<name>.bench.ts prints its own figures. Without a name all are run,
// in their short form where they have one.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const args = process.argv.slice(2);
const all = readdirSync(join(root, 'bench')).flatMap((name) => /^(.*)\.bench\.ts$/.exec(name)?.[1] ?? []);
const optionsFrom = args.findIndex((arg) => arg.startsWith('-'));
const named = optionsFrom < 0 ? args : args.slice(0, optionsFrom);
const options = [...(named.length === 0 ? ['--short'] : []), ...args.slice(named.length)];
const unknown = named.find((name) => !all.includes(name));

if (unknown !== undefined) {
  console.error(`skein: There is no bench "${unknown}"; there are: ${all.join(', ')}`);
  process.exitCode = 1;
} else {
  // Beside the packages that they import, outside of dist, which holds the product only.
  const built = join(root, '.skein-cache', 'bench');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  process.exitCode = node(tsc, '-p', 'tsconfig.json', '--noEmit', 'false', '--outDir', built);
  for (const name of process.exitCode === 0 ? (named.length > 0 ? named : all) : []) {
    console.error(`skein: bench ${name}`);
    process.exitCode ||= node(join(built, 'bench', `${name}.bench.js`), ...options);
  }
}

/** @param {string[]} command */
function node(...command) {
  return spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

// Writes src/flavour/mariadb/error-names.ts from a MariaDB server's own list: its header mysqld_error.h, which the server's
// build makes from sql/share/errmsg-utf8.txt (Debian, Ubuntu: package libmariadb-dev).
//   node scripts/error-names.mjs /usr/include/mariadb/mysqld_error.h "MariaDB 10.11.19" && npx biome check --write src
import { readFileSync, writeFileSync } from 'node:fs';

const [header, version] = process.argv.slice(2);
if (!header || !version) throw new Error('usage: error-names.mjs <mysqld_error.h> <version of the server>');

const names = new Map();
for (const [, name = '', number] of readFileSync(header, 'utf8').matchAll(
  /^#define\s+((?:ER|WARN)_\w+)\s+(\d+)\s*$/gm,
)) {
  const isMark = /^ER_ERROR_(FIRST|LAST)|^ER_UNUSED/.test(name);
  if (!isMark && !names.has(Number(number))) names.set(Number(number), name);
}
if (names.size < 1000) throw new Error(`${header} has ${names.size} errors only`);

let text = '';
let line = '';
let expected = Number.NaN;
const flush = () => {
  if (line !== '') text += `${line}\n`;
  line = '';
};
for (const number of [...names.keys()].sort((a, b) => a - b)) {
  const word = `${number === expected ? '' : `${number} `}${names.get(number).replace(/^ER_(?!WARN_)/, '')}`;
  if (line.length + word.length > 108) flush();
  line += line === '' ? word : ` ${word}`;
  expected = number + 1;
}
flush();

writeFileSync(
  new URL('../src/flavour/mariadb/error-names.ts', import.meta.url),
  `import type { ServerErrorName } from '../server-errors.js';

/**
 * The server's own names of its errors. Made from the list of ${version} by scripts/error-names.mjs; not edited by hand.
 * A number begins a run of errors; each name without one is the next error. ER_ is left out, but before WARN_.
 */
const LIST = \`
${text}\`;

const names = new Map<number, ServerErrorName>();
let next = 0;
for (const word of LIST.trim().split(/\\s+/)) {
  if (/^\\d+$/.test(word)) next = Number(word);
  else names.set(next++, /^(ER_)?WARN_/.test(word) ? (word as ServerErrorName) : \`ER_\${word}\`);
}

/** \`ER_DUP_ENTRY\` for 1062; \`ER_<errno>\` for what the list does not have (a newer server's). */
export function errorName(errno: number): ServerErrorName {
  return names.get(errno) ?? \`ER_\${errno}\`;
}
`,
);

// `npm run house` prints how the code in src/ hangs together: its rooms (the directories of src; a file in src itself is a room of its
// own), which room imports which, circles, and sizes. src/architecture.test.ts holds limits on the same figures.
// Tests do not count: they may look into any room.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync } from 'rolldown/utils';

const root = join(import.meta.dirname, '..');

/**
 * @typedef {{ name: string, line: number, lines: number }} FunctionSize
 * @typedef {{ path: string, lines: number, imports: string[], functions: FunctionSize[] }} SourceFile
 *   Paths are relative to src; `imports` has such a path, or the name of a package. Imports of types count.
 */

/** @returns {SourceFile[]} */
export function readSources(src = join(root, 'src')) {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .sort()
    .map((path) => readSource(path, readFileSync(join(src, path), 'utf8')));
}

/**
 * @param {string} path
 * @param {string} text
 * @returns {SourceFile}
 */
export function readSource(path, text) {
  const { program, errors } = parseSync(path, text);
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);
  const lineEnds = [...text.matchAll(/\n/g)].map(({ index }) => index);
  /** @param {number} offset */
  const lineOf = (offset) => 1 + lineEnds.filter((end) => end < offset).length;
  /** @type {SourceFile} */
  const file = { path, lines: text.trimEnd().split('\n').length, imports: [], functions: [] };
  visit(program, 'module', (node, name) => {
    if (/^(Import|Export(Named|All))(Declaration|Expression)$|^TSImportType$/.test(node.type)) {
      const target = node.source?.value;
      if (target?.startsWith('.')) {
        file.imports.push(posix.join(posix.dirname(path), target).replace(/\.js$/, '.ts'));
      } else if (target) file.imports.push(target);
    }
    if (/Function/.test(node.type) && node.body?.type === 'BlockStatement') {
      const line = lineOf(node.start);
      file.functions.push({ name, line, lines: lineOf(node.end) - line + 1 });
    }
  });
  return file;
}

/**
 * Calls `take` for each node of a syntax tree, with the last name that stands before it.
 * @param {any} node
 * @param {string} name
 * @param {(node: any, name: string) => void} take
 */
function visit(node, name, take) {
  if (Array.isArray(node)) for (const each of node) visit(each, name, take);
  else if (typeof node?.type === 'string') {
    const own = node.id?.name ?? node.key?.name ?? name;
    take(node, own);
    for (const child of Object.values(node)) if (typeof child === 'object') visit(child, own, take);
  }
}

/** @param {string} path */
export const roomOf = (path) => path.split('/')[0] ?? path;

/**
 * From each name to those that it imports, without itself.
 * @param {readonly SourceFile[]} sources
 * @param {(path: string) => string} nameOf
 */
export function arrowsOf(sources, nameOf) {
  const paths = new Set(sources.map(({ path }) => path));
  /** @type {Map<string, Set<string>>} */
  const arrows = new Map(sources.map(({ path }) => [nameOf(path), new Set()]));
  for (const { path, imports } of sources) {
    for (const target of imports.filter((each) => paths.has(each))) {
      if (nameOf(target) !== nameOf(path)) arrows.get(nameOf(path))?.add(nameOf(target));
    }
  }
  return arrows;
}

/**
 * The sets of names that can all reach each other.
 * @param {ReadonlyMap<string, ReadonlySet<string>>} arrows
 * @returns {string[][]}
 */
export function circlesOf(arrows) {
  /** @param {string} from */
  const reachableFrom = (from) => {
    const seen = new Set();
    const next = [...(arrows.get(from) ?? [])];
    for (let at = next.pop(); at !== undefined; at = next.pop()) {
      if (!seen.has(at)) next.push(...(arrows.get(at) ?? []));
      seen.add(at);
    }
    return seen;
  };
  const reachable = new Map([...arrows.keys()].map((name) => [name, reachableFrom(name)]));
  /** @param {string} name */
  const circleOf = (name) =>
    [...arrows.keys()].filter((other) => reachable.get(name)?.has(other) && reachable.get(other)?.has(name));
  const circles = [...arrows.keys()].filter((name) => reachable.get(name)?.has(name)).map(circleOf);
  return circles.filter(([first], at) => circles.findIndex(([other]) => other === first) === at);
}

function print() {
  const sources = readSources();
  /** @param {number[]} sizes */
  const median = (sizes) => sizes.sort((a, b) => a - b)[sizes.length >> 1];
  const functions = sources.flatMap(({ path, functions }) => functions.map((each) => ({ path, ...each })));
  const bySize = [...sources].sort((a, b) => b.lines - a.lines);
  const rooms = arrowsOf(sources, roomOf);
  const total = sources.reduce((sum, { lines }) => sum + lines, 0);
  const table = [...rooms].map(([room, below]) => {
    const files = sources.filter(({ path }) => roomOf(path) === room);
    return { room, files: files.length, lines: files.reduce((sum, { lines }) => sum + lines, 0), below };
  });
  table.sort((a, b) => b.lines - a.lines);
  console.log('room                files  lines      %  imports');
  for (const { room, files, lines, below } of table) {
    const share = ((100 * lines) / total).toFixed(1);
    const figures = `${String(files).padStart(6)} ${String(lines).padStart(6)} ${share.padStart(6)}`;
    console.log(`${room.padEnd(18)} ${figures}  ${[...below].sort().join(' ')}`);
  }
  const arrows = table.reduce((sum, { below }) => sum + below.size, 0);
  const circles = [arrowsOf(sources, (path) => path), rooms].map(circlesOf);
  console.log(`\n${rooms.size} rooms, ${arrows} arrows; ${sources.length} files, ${total} lines`);
  console.log(`circles of files: ${circles[0]?.map((names) => names.join(' <-> ')).join('; ') || 'none'}`);
  console.log(`circles of rooms: ${circles[1]?.map((names) => names.join(' <-> ')).join('; ') || 'none'}`);
  console.log(`largest room: ${table[0]?.room} (${table[0]?.lines} lines)`);
  console.log(`median file: ${median(sources.map(({ lines }) => lines))} lines; largest files:`);
  for (const { path, lines } of bySize.slice(0, 10)) console.log(`  ${String(lines).padStart(4)} ${path}`);
  console.log(`median function: ${median(functions.map(({ lines }) => lines))} lines; largest functions:`);
  for (const { path, name, line, lines } of functions.sort((a, b) => b.lines - a.lines).slice(0, 10)) {
    console.log(`  ${String(lines).padStart(4)} ${path}:${line} ${name}`);
  }
}

if (process.argv[1] === import.meta.filename) print();

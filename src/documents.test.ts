/** The documents of the repository: links lead somewhere, the README stays short, and every rule that is cited exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const DOCUMENTS = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'client/README.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Without what stands in code, where brackets mean other things. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, 'code');

const linksOf = (text: string): string[] =>
  [...prose(text).matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(
    ([, markdown, html]) => markdown ?? html ?? '',
  );

/** The names that GitHub gives to headings. */
function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  return [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) => {
    const anchor = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replace(/ /g, '-');
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
}

/** What is wrong with a link of the document, null if nothing is. */
function problem(document: string, link: string): string | null {
  if (/^(https?|mailto):/.test(link)) return null;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(root, document) : join(root, dirname(document), path);
  if (relative(root, target).startsWith('..')) return `${link}: outside of the repository`;
  if (!existsSync(target)) return `${link}: no such file`;
  if (anchor === undefined) return null;
  return anchorsOf(readFileSync(target, 'utf8')).includes(anchor) ? null : `${link}: no such heading`;
}

it.each(DOCUMENTS)('every relative link of %s leads to a file, and to a heading of it', (document) => {
  const links = linksOf(readFileSync(join(root, document), 'utf8'));
  expect(links.flatMap((link) => problem(document, link) ?? [])).toEqual([]);
});

it('finds links that lead nowhere', () => {
  expect(linksOf('[a](b.md) `[c](d.md)` <img src="e.png">')).toEqual(['b.md', 'e.png']);
  expect(problem('docs/limits.md', 'nothing.md')).toBe('nothing.md: no such file');
  expect(problem('docs/limits.md', '#nothing')).toBe('#nothing: no such heading');
  expect(problem('docs/limits.md', '../../README.md')).toBe('../../README.md: outside of the repository');
  expect(problem('README.md', 'docs/limits.md#http-settings')).toBeNull();
  expect(anchorsOf('# A `b`: c-d\n## A `b`: c-d')).toEqual(['a-b-c-d', 'a-b-c-d-1']);
});

it('the README has at most 200 lines, and leads to every document of docs/', () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(200);
  const documents = DOCUMENTS.filter((name) => name.startsWith('docs/'));
  expect(documents.filter((name) => !linksOf(text).some((link) => link.split('#')[0] === name))).toEqual([]);
});

const SOURCES = ['src', 'test', 'client/src', 'scripts', 'bench'].flatMap((directory) =>
  readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter(
      (file) => /\.(ts|mjs)$/.test(file) && !file.includes('node_modules') && file !== 'documents.test.ts',
    )
    .map((file) => `${directory}/${file}`),
);

const COMMENT = /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g;

/** What a reader may look up: the prose of a document, the comments of a source file. */
const citing = (file: string, text: string): string =>
  file.endsWith('.md') ? prose(text) : (text.match(COMMENT) ?? []).join('\n');

const rulesIn = (text: string): string[] => [...text.matchAll(/\b[CEHM]\d{1,2}\b/g)].map(([rule]) => rule);

/** Documents that comments cited once and that are not in the repository. */
const absentIn = (text: string): string[] => text.match(/\b(DESIGN|SAFETY|FACTS)(-\w+)? ?[CHM]?\d?/g) ?? [];

const rules = new Set(
  [...readFileSync(join(root, 'docs/safety.md'), 'utf8').matchAll(/^\*\*([CEHM]\d{1,2})\./gm)].map(
    ([, rule]) => rule,
  ),
);

it('every safety rule that a document or a comment cites is in docs/safety.md', () => {
  expect(rules.size).toBeGreaterThan(30);
  const cited = [...DOCUMENTS, ...SOURCES].flatMap((file) =>
    rulesIn(citing(file, readFileSync(join(root, file), 'utf8'))).map((rule) => ({ file, rule })),
  );
  expect(cited.length).toBeGreaterThan(100);
  expect(cited.filter(({ rule }) => !rules.has(rule))).toEqual([]);
});

it('no document or comment cites a document that is not in the repository', () => {
  const cited = [...DOCUMENTS, ...SOURCES].flatMap((file) =>
    absentIn(citing(file, readFileSync(join(root, file), 'utf8'))).map((name) => `${file}: ${name}`),
  );
  expect(cited).toEqual([]);
});

it('finds citations in comments only', () => {
  const text = "const C7 = 'DESIGN 7'; // rule C8\n/** Rule H99 (DESIGN 7.1). */ const url = 'http://M4';";
  expect(rulesIn(citing('a.ts', text))).toEqual(['C8', 'H99']);
  expect(absentIn(citing('a.ts', text))).toEqual(['DESIGN 7']);
});

const FILES = new Set([
  ...readdirSync(root),
  ...['src', 'test', 'client', 'console', 'scripts', 'bench', 'docs', 'monitoring'].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
      .filter((file) => !file.includes('node_modules'))
      .map((file) => `${directory}/${file}`),
  ),
]);

/** The TypeScript files that a document names in code: `x.ts` anywhere, `y/x.ts` by the end of its path. */
const filesIn = (text: string): string[] =>
  [...text.matchAll(/`([\w./-]+\.ts)`/g)]
    .map(([, file = '']) => file)
    .filter((file) => !/\bx\b|\by\b/.test(file));

const isThere = (name: string): boolean =>
  [...FILES].some((file) => file === name || file.endsWith(`/${name}`));

it.each(DOCUMENTS.filter((document) => document !== 'CHANGELOG.md'))(
  'every source file that %s names exists',
  (document) => {
    const text = readFileSync(join(root, document), 'utf8');
    expect(filesIn(text).filter((name) => !isThere(name))).toEqual([]);
  },
);

it('every finding about MariaDB names its test, or says that it has none', () => {
  const [, ...findings] = readFileSync(join(root, 'docs/mariadb-findings.md'), 'utf8').split(/^### /m);
  expect(findings.length).toBeGreaterThan(30);
  const untested = findings.filter((finding) => {
    const test = /^Test: ([\s\S]*?)(?:\n\n|\n?$)/m.exec(finding)?.[1] ?? '';
    return !test.startsWith('none') && !filesIn(test).some((name) => name.endsWith('.test.ts'));
  });
  expect(untested.map((finding) => finding.split('\n')[0])).toEqual([]);
});

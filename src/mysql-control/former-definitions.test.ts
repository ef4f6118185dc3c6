import { expect, it } from 'vitest';
import type { Definition, TableDefinition } from '../flavour/definitions.js';
import type { Definitions } from '../model/definitions.js';
import { doubtsOf, type FormerFacts, formerDifferences } from './former-definitions.js';

const facts = (over: Partial<FormerFacts> = {}): FormerFacts => ({
  remade: new Set(),
  samePartitions: true,
  ...over,
});

const table = (name: string, over: Partial<TableDefinition> = {}): TableDefinition => ({
  ...{ kind: 'table', schema: 'd', name, partitioning: null, partitions: [], content: 'rows' },
  shape: `CREATE TABLE \`${name}\` (\n  \`a\` int(11)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
  ...over,
});

const definitions = (...all: Definition[]): Definitions =>
  new Map(
    all.map((each) => [
      `${each.kind} ${'name' in each ? `${each.schema}.${each.name}` : each.schema}`,
      JSON.stringify(each),
    ]),
  );

const byHash = { method: 'HASH', by: ['`a`'], isAuto: false };

it.each<[string, Partial<TableDefinition>, RegExp | null, Partial<FormerFacts>?]>([
  ['of InnoDB', {}, null],
  ['that cannot be opened', { shape: null }, /cannot be read/],
  ['whose rows cannot be read', { content: 'unreadable 1932' }, /cannot be read/],
  ['whose rows were not found in time', { content: 'unknown' }, /in time/],
  ['of another engine', { shape: 'CREATE TABLE `t` (\n  `a` int\n) ENGINE=Aria' }, /not a table of InnoDB/],
  [
    'of another engine that speaks of InnoDB',
    { shape: "CREATE TABLE `t` (\n  `a` int COMMENT '\\n) ENGINE=InnoDB'\n) ENGINE=Aria" },
    /not a table of InnoDB/,
  ],
  ['with partitions', { partitioning: byHash }, null],
  [
    'with partitions that may have changed',
    { partitioning: byHash },
    /partitions/,
    { samePartitions: false },
  ],
])('a table %s', (_, over, doubt, known) => {
  const found = doubtsOf(definitions(table('t', over)), facts(known));
  if (doubt === null) expect(found).toEqual([]);
  else expect(found.join()).toMatch(doubt);
});

const view = (text: string): Definition => ({ kind: 'view', schema: 'd', name: 'v', text });
const sequence = (next: string) => table('s', { sequence: [next] });

it.each<[string, Definition[], Definition[], RegExp | null, string[]?]>([
  ['has no rows any more, which were deleted', [table('t')], [table('t', { content: 'empty' })], null],
  ['got rows', [table('t', { content: 'empty' })], [table('t')], null],
  ['is empty, and was made again', [table('t', { content: 'empty' })], [table('t')], /emptied/, ['d/t']],
  ['is empty, and another was made', [table('t', { content: 'empty' })], [table('t')], null, ['d/u']],
  [
    'is empty, its name is not plain, and another such was made',
    [table('t-1', { content: 'empty' })],
    [table('t-1')],
    /emptied/,
    ['d/u@002d1'],
  ],
  ['has another shape', [table('t', { shape: 'x' })], [table('t')], /another definition/],
  ['is missing', [], [table('t')], /is missing/],
  ['is not in the log', [table('t')], [], /not in the log/],
  ['is a view with another text', [view('a')], [view('b')], /another definition/],
  ['is a sequence that stands elsewhere', [sequence('1')], [sequence('1001')], /another definition/],
  ['is a view in one place', [view('a')], [], /not in the log/],
])('an object that %s', (_, here, there, difference, remade = []) => {
  const own = definitions(...here);
  const theirs = definitions(...there);
  const objects = [...new Set([...own.keys(), ...theirs.keys()])];
  const found = formerDifferences(objects, { own, theirs }, facts({ remade: new Set(remade) }));
  if (difference === null) expect(found).toEqual([]);
  else expect(found.join()).toMatch(difference);
});

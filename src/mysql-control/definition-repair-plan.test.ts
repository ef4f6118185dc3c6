import { describe, expect, it } from 'vitest';
import type { Content, Definition, Partition, TableDefinition } from '../flavour/definitions.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { differenceOf, planRepair, unreadableObjects } from './definition-repair-plan.js';

const { copyStored } = mariadb.definitions;

const table = (over: Partial<TableDefinition> = {}): TableDefinition => ({
  kind: 'table',
  schema: 'd',
  name: 't',
  shape: ['id'],
  partitioning: null,
  partitions: [],
  content: 'rows',
  ...over,
});

const part = (name: string, values: string | null, content: Content = 'rows'): Partition => ({
  name,
  values,
  subpartitions: [],
  content,
});

const partitioned = (method: string, partitions: Partition[]) =>
  table({ partitioning: { method, by: ['`id`'], isAuto: false }, partitions });

function planned(
  here: Definition | null,
  there: Definition | null,
  options: { object?: string; remade?: string[]; changed?: string[]; known?: string[] } = {},
): { sql: string[]; left: readonly string[] } {
  const object = options.object ?? 'table `d`.`t`';
  const map = (definition: Definition | null) =>
    new Map(definition ? [[object, JSON.stringify(definition)]] : []);
  const { steps, left } = planRepair([object], map(here), map(there), {
    remade: new Set(options.remade),
    changed: new Set(options.changed ?? ['d/t']),
    known: new Set(options.known),
    setAside: (n) => `set_aside_${n}`,
    copyStored,
  });
  return { sql: steps.map(({ sql, logged }) => `${logged ? 'everywhere' : 'here'}: ${sql}`), left };
}

describe('partitions', () => {
  const key = (n: number) =>
    partitioned(
      'KEY',
      Array.from({ length: n }, (_, i) => part(`p${i}`, null)),
    );
  const [a, b, c] = [part('a', '10'), part('b', '20'), part('c', 'MAXVALUE', 'empty')];

  it.each<[string, TableDefinition, TableDefinition, string]>([
    ['KEY, one more', key(4), key(3), 'here: ALTER TABLE `d`.`t` COALESCE PARTITION 1'],
    ['KEY, two less', key(2), key(4), 'here: ALTER TABLE `d`.`t` ADD PARTITION PARTITIONS 2'],
    [
      'RANGE, a new one without rows',
      partitioned('RANGE', [a, b, c]),
      partitioned('RANGE', [a, b]),
      'here: ALTER TABLE `d`.`t` DROP PARTITION `c`',
    ],
    [
      'RANGE, one has gone',
      partitioned('RANGE', [a, c]),
      partitioned('RANGE', [a, b, c]),
      'everywhere: ALTER TABLE `d`.`t` DROP PARTITION IF EXISTS `b`',
    ],
    [
      'RANGE, one was split',
      partitioned('RANGE', [a, part('b1', '15'), part('b2', '20'), c]),
      partitioned('RANGE', [a, b, c]),
      'here: ALTER TABLE `d`.`t` REORGANIZE PARTITION `b1`, `b2` INTO (PARTITION `b` VALUES LESS THAN (20))',
    ],
    [
      'LIST, two became one',
      partitioned('LIST COLUMNS', [part('ab', '1,2')]),
      partitioned('LIST COLUMNS', [part('a', '1'), part('b', '2')]),
      'here: ALTER TABLE `d`.`t` REORGANIZE PARTITION `ab` INTO (PARTITION `a` VALUES IN (1), PARTITION `b` VALUES IN (2))',
    ],
  ])('%s', (_, here, there, sql) => {
    expect(planned(here, there)).toEqual({ sql: [sql], left: [] });
  });

  it('one that only this server has, with rows, is left', () => {
    const { sql, left } = planned(
      partitioned('RANGE', [a, b, part('c', 'MAXVALUE')]),
      partitioned('RANGE', [a, b]),
    );
    expect(sql).toEqual([]);
    expect(left).toEqual(['table `d`.`t` has other partitions']);
  });

  it('one that was emptied is emptied everywhere if the engine made it again, and is left if not', () => {
    const here = partitioned('RANGE', [part('a', '10', 'empty'), b]);
    const there = partitioned('RANGE', [a, b]);
    expect(planned(here, there, { remade: ['d/t#P#a'] }).sql).toEqual([
      'everywhere: ALTER TABLE `d`.`t` TRUNCATE PARTITION `a`',
    ]);
    expect(planned(here, there).left).toEqual(['table `d`.`t` has lost its rows here']);
  });
});

describe('history partitions that servers add by themselves', () => {
  const history = (partitions: Partition[], isAuto = true) =>
    table({ partitioning: { method: 'SYSTEM_TIME', by: ['`row_end`'], isAuto }, partitions });
  const [p0, p1, p2] = [part('p0', null), part('p1', null), part('p2', null, 'empty')];
  const current = part('pn', 'CURRENT');

  it.each<[string, Partition[], Partition[]]>([
    ['more here, with rows', [p0, p1, current], [p0, current]],
    ['more here, without rows', [p0, p2, current], [p0, current]],
    ['less here', [p0, current], [p0, p1, current]],
    ['others here', [p1, p2, current], [p0, p1, current]],
    ['history in other partitions', [p0, part('p1', null, 'empty'), current], [p0, p1, current]],
  ])('are no difference: %s', (_, here, there) => {
    const remade = ['d/t#P#p0', 'd/t#P#p1', 'd/t#P#p2'];
    expect(planned(history(here), history(there), { remade })).toEqual({ sql: [], left: [] });
  });

  it('rows that are not history are not overlooked', () => {
    const here = history([p0, part('pn', 'CURRENT', 'empty')]);
    expect(planned(here, history([p0, p1, current])).left).toEqual(['table `d`.`t` has lost its rows here']);
  });

  it('a person adds and drops them where the server does not: as with RANGE', () => {
    const [here, there] = [history([p0, current], false), history([p0, p1, current], false)];
    expect(planned(here, there).sql).toEqual([
      'everywhere: ALTER TABLE `d`.`t` DROP PARTITION IF EXISTS `p1`',
    ]);
  });
});

describe('tables', () => {
  it('an emptied one is emptied everywhere if the engine made it again, and is left if not', () => {
    const [here, there] = [table({ content: 'empty' }), table()];
    expect(planned(here, there, { remade: ['d/t'] }).sql).toEqual(['everywhere: TRUNCATE TABLE `d`.`t`']);
    expect(planned(here, there, { remade: ['d/t2'] })).toEqual({
      sql: [],
      left: ['table `d`.`t` has lost its rows here'],
    });
  });

  it('what was otherwise before the last opening is no work of the crash, and is left', () => {
    expect(planned(table(), null, { changed: [] }).left).toEqual(['table `d`.`t` is not in the log']);
    const [a, b] = [part('a', '10'), part('b', '20')];
    expect(planned(partitioned('RANGE', [a]), partitioned('RANGE', [a, b]), { changed: [] })).toEqual({
      sql: [],
      left: ['table `d`.`t` has other partitions'],
    });
  });

  it('one that is not in the log is set aside, rows and all', () => {
    expect(planned(table(), null).sql).toEqual(['here: RENAME TABLE `d`.`t` TO `skein`.`set_aside_0`']);
  });

  it('one that was known to be defined otherwise is left as it is; its rows are not overlooked', () => {
    const known = { known: ['table `d`.`t`'] };
    const otherwise = { shape: ['id', 'v'] };
    expect(planned(table(), table(otherwise), known)).toEqual({ sql: [], left: [] });
    expect(planned(table({ content: 'empty' }), table(otherwise), known).left).toEqual([
      'table `d`.`t` has lost its rows here',
    ]);
  });

  it('a difference has a name of its own, whatever rows the tables have', () => {
    const name = (here: TableDefinition, there: TableDefinition) =>
      differenceOf('table `d`.`t`', JSON.stringify(here), JSON.stringify(there));
    const [v, w] = [table({ shape: ['id', 'v'] }), table({ shape: ['id', 'w'] })];
    expect(name(table(), table({ content: 'empty' }))).toBeNull();
    expect(name(table(), v)).toBe(name(table({ content: 'empty' }), v));
    expect(new Set([name(table(), v), name(table(), w), name(v, table())]).size).toBe(3);
    expect(differenceOf('table `d`.`t`', undefined, JSON.stringify(v))).toBeNull();
  });

  it.each<[string, string, string, string | null]>([
    ['a default', '`a` int(11)', '`a` int(11) DEFAULT NULL', null],
    ['an option', '`a` int(11)', "`a` int(11)\n) ENGINE=InnoDB `ENCRYPTION_KEY_ID`='5'", null],
    ['a type', '`a` int(11)', '`a` bigint(20)', 'has another definition'],
    ['a name', '`a` int(11)', '`b` int(11)', 'has another definition'],
    ['NULL', '`a` int(11)', '`a` int(11) NOT NULL', 'has another definition'],
  ])('one that differs in %s', (_, a, b, left) => {
    const shaped = (column: string, content: Content = 'rows') => {
      const end = column.includes(') ENGINE') ? '' : '\n) ENGINE=InnoDB';
      return table({ shape: `CREATE TABLE \`t\` (\n  ${column}${end}`, content });
    };
    expect(planned(shaped(a), shaped(b))).toEqual({
      sql: [],
      left: left === null ? [] : [`table \`d\`.\`t\` ${left}`],
    });
    // Nothing hides that rows are gone.
    expect(planned(shaped(a, 'empty'), shaped(b)).left).toEqual([
      `table \`d\`.\`t\` ${left ?? 'has lost its rows here'}`,
    ]);
  });

  it('a view or trigger that is defined otherwise stops no replica; one that is missing is left', () => {
    for (const kind of ['view', 'trigger'] as const) {
      const defined = (text: string): Definition => ({ kind, schema: 'd', name: 'v', text });
      const object = `${kind} \`d\`.\`v\``;
      expect(planned(defined('a'), defined('b'), { object })).toEqual({ sql: [], left: [] });
      expect(planned(null, defined('b'), { object }).left).toEqual([`${object} is missing`]);
      expect(planned(defined('a'), null, { object }).left).toEqual([`${object} is not in the log`]);
    }
  });

  it('one that is missing, or has other columns, is left', () => {
    expect(planned(null, table()).left).toEqual(['table `d`.`t` is missing']);
    expect(planned(table(), table({ shape: ['id', 'v'] })).left).toEqual([
      'table `d`.`t` has another definition',
    ]);
  });

  it('one that cannot be read here is left, whatever the replica has', () => {
    const parts = partitioned('RANGE', [part('a', '10'), part('b', '20', 'unreadable 1030')]);
    const unreadable = table({ content: 'unreadable 1932', shape: null });
    for (const there of [table(), table({ content: 'empty' }), unreadable])
      expect(planned(unreadable, there, { known: ['table `d`.`t`'] })).toEqual({
        sql: [],
        left: ['table `d`.`t` cannot be read here (error 1932)'],
      });
    expect(planned(unreadable, null).left).toEqual([
      'table `d`.`t` is not in the log, and cannot be read here (error 1932)',
    ]);
    expect(planned(parts, partitioned('RANGE', [part('a', '10'), part('b', '20')])).left).toEqual([
      'table `d`.`t` cannot be read here (error 1030)',
    ]);
    const own = new Map([
      ['table `d`.`t`', JSON.stringify(table())],
      ['table `d`.`u`', JSON.stringify(unreadable)],
      ['table `d`.`p`', JSON.stringify(parts)],
    ]);
    expect(unreadableObjects(own)).toEqual(['table `d`.`u`', 'table `d`.`p`']);
  });

  it('what cannot be read on the replica, or was not found out, is no difference', () => {
    expect(planned(table(), table({ content: 'unreadable 1932', shape: [] }))).toEqual({ sql: [], left: [] });
    expect(planned(table({ content: 'unknown' }), table({ content: 'empty' }))).toEqual({
      sql: [],
      left: [],
    });
  });
});

describe('schemas and what is stored in system tables', () => {
  const schema: Definition = { kind: 'schema', schema: 'd', characterSet: 'latin1', collation: 'latin1_bin' };

  it('a schema that is not in the log goes, after what it held; one that is missing comes', () => {
    expect(planned(schema, null, { object: 'schema `d`' }).sql).toEqual(['here: DROP DATABASE `d`']);
    expect(planned(null, schema, { object: 'schema `d`' }).sql).toEqual([
      'here: CREATE DATABASE `d` CHARACTER SET latin1 COLLATE latin1_bin',
    ]);
    const own = new Map([
      ['schema `d`', JSON.stringify(schema)],
      ['table `d`.`t`', JSON.stringify(table())],
    ]);
    const { steps } = planRepair([...own.keys()], own, new Map(), {
      remade: new Set(),
      changed: new Set(['d/t']),
      known: new Set(),
      setAside: () => 'x',
      copyStored,
    });
    expect(steps.map(({ sql }) => sql)).toEqual(['RENAME TABLE `d`.`t` TO `skein`.`x`', 'DROP DATABASE `d`']);
  });

  it('a routine is made as its row is elsewhere, bytes and all', () => {
    const routine = (body: string): Definition => ({
      kind: 'routine',
      schema: 'd',
      name: 'p',
      values: { db: '64', name: '70', type: '50', comment: null, body },
    });
    const object = 'procedure `d`.`p`';
    const where = "WHERE db = _binary x'64' AND name = _binary x'70' AND type = _binary x'50'";
    expect(planned(routine('41'), routine('42'), { object }).sql).toEqual([
      `here: UPDATE mysql.proc SET db = _binary x'64', name = _binary x'70', type = _binary x'50', comment = NULL, body = _binary x'42' ${where}`,
    ]);
    expect(planned(null, routine('42'), { object }).sql).toEqual([
      "here: INSERT INTO mysql.proc SET db = _binary x'64', name = _binary x'70', type = _binary x'50', comment = NULL, body = _binary x'42', created = NOW(), modified = NOW()",
    ]);
    expect(planned(routine('41'), null, { object }).sql).toEqual([`here: DELETE FROM mysql.proc ${where}`]);
  });
});

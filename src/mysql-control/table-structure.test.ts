import { describe, expect, it } from 'vitest';
import { structureOf } from './table-structure.js';

/** As 10.11 writes it. */
const table = (column: string, { key = 'PRIMARY KEY (`id`)', options = '' } = {}) =>
  [
    'CREATE TABLE `t` (',
    '  `id` int(11) NOT NULL,',
    `  ${column},`,
    `  ${key}`,
    `) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci${options}`,
  ].join('\n');

const PLAIN = '`v` varchar(9)';

describe('what no row depends on is left out', () => {
  it.each<[string, string, string]>([
    ['no default (CREATE TABLE ... SELECT)', table(PLAIN), table(`${PLAIN} DEFAULT NULL`)],
    ['a default', table(`${PLAIN} DEFAULT 'it''s, \\' 5)'`), table(`${PLAIN} DEFAULT '('`)],
    ['a default that is computed', table(`${PLAIN} DEFAULT (uuid() + 1)`), table(`${PLAIN} DEFAULT uuid()`)],
    [
      'a default with a check behind it',
      table("`j` longtext DEFAULT json_object('a',1) CHECK (json_valid(`j`))"),
      table('`j` longtext DEFAULT NULL CHECK (json_valid(`j`))'),
    ],
    [
      'ON UPDATE',
      table('`d` timestamp NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()'),
      table('`d` timestamp NULL DEFAULT NULL'),
    ],
    [
      'a comment',
      table(`${PLAIN} COMMENT 'it''s NOT NULL, \`x\` ('`),
      table(PLAIN, { options: " COMMENT='a b=c'" }),
    ],
    ['compression', table(PLAIN, { options: " `PAGE_COMPRESSED`='ON'" }), table(PLAIN)],
    ['an encryption key', table(PLAIN, { options: " `ENCRYPTION_KEY_ID`='5'" }), table(PLAIN)],
    [
      'statistics',
      table(PLAIN, { options: ' STATS_PERSISTENT=1 CHECKSUM=1 MAX_ROWS=9' }),
      table(PLAIN, { options: ' STATS_SAMPLE_PAGES=2' }),
    ],
    [
      'at the end of the columns',
      'CREATE TABLE `t` (\n  `a` int\n) X',
      'CREATE TABLE `t` (\n  `a` int DEFAULT 1\n) X',
    ],
  ])('%s', (_, here, there) => {
    expect(structureOf(here)).toBe(structureOf(there));
  });
});

describe('what a replica depends on stays', () => {
  it.each<[string, string, string]>([
    ['a name', table(PLAIN), table('`w` varchar(9)')],
    ['a type', table(PLAIN), table('`v` varchar(10)')],
    ['a sign', table('`v` int(11)'), table('`v` int(11) unsigned')],
    ['the values of an ENUM', table("`v` enum('a','b')"), table("`v` enum('b','a')")],
    ['NULL', table(PLAIN), table(`${PLAIN} NOT NULL`)],
    [
      'a character set',
      table(`${PLAIN} CHARACTER SET latin1 COLLATE latin1_bin`),
      table(`${PLAIN} CHARACTER SET utf8mb3 COLLATE latin1_bin`),
    ],
    ['a collation', table(`${PLAIN} COLLATE utf8mb4_bin`), table(PLAIN)],
    [
      'a generated column',
      table('`v` int(11) GENERATED ALWAYS AS (`id` + 1) STORED'),
      table('`v` int(11) GENERATED ALWAYS AS (`id` + 2) STORED'),
    ],
    [
      'a compressed column',
      table('`v` blob /*M!100301 COMPRESSED*/ DEFAULT NULL'),
      table('`v` blob DEFAULT NULL'),
    ],
    ['AUTO_INCREMENT', table('`v` int(11) AUTO_INCREMENT'), table('`v` int(11)')],
    ['a check of a column', table('`v` int(11) DEFAULT 1 CHECK (`v` > 0)'), table('`v` int(11) DEFAULT 1')],
    ['a key', table(PLAIN, { key: 'UNIQUE KEY `v` (`v`)' }), table(PLAIN, { key: 'KEY `v` (`v`)' })],
    [
      'a foreign key',
      table(PLAIN, { key: 'CONSTRAINT `f` FOREIGN KEY (`v`) REFERENCES `o` (`k`) ON UPDATE CASCADE' }),
      table(PLAIN, { key: 'CONSTRAINT `f` FOREIGN KEY (`v`) REFERENCES `o` (`k`)' }),
    ],
    ['the engine', table(PLAIN), table(PLAIN).replace('InnoDB', 'Aria')],
    ['the default character set', table(PLAIN), table(PLAIN).replace('CHARSET=utf8mb4', 'CHARSET=latin1')],
    ['versioning', table(PLAIN, { options: ' WITH SYSTEM VERSIONING' }), table(PLAIN)],
    ['how rows are stored', table(PLAIN, { options: ' ROW_FORMAT=COMPACT' }), table(PLAIN)],
    ['a column that is called so', table('`DEFAULT` int(11)'), table('`COMMENT` int(11)')],
    ['what is not understood', table("`v` enum('a"), table("`v` enum('b")],
  ])('%s', (_, here, there) => {
    expect(structureOf(here)).not.toBe(structureOf(there));
  });

  it('the order of columns', () => {
    const [a, b] = ['  `a` int(11),', '  `b` int(11) DEFAULT 1,'];
    const ordered = (...columns: string[]) =>
      ['CREATE TABLE `t` (', ...columns, ') ENGINE=InnoDB'].join('\n');
    expect(structureOf(ordered(a ?? '', b ?? ''))).not.toBe(structureOf(ordered(b ?? '', a ?? '')));
  });
});

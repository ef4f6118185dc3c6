import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuTimeMs } from '../../test/kit/cpu-time.js';
import { Adapter } from './adapt.js';
import { DumpSplitter } from './split-dump.js';

function split(text: string, { chunk = Number.POSITIVE_INFINITY, plainBackslashes = false } = {}) {
  const splitter = new DumpSplitter();
  splitter.plainBackslashes = plainBackslashes;
  const found: [number, string][] = [];
  const bytes = Buffer.from(text, 'latin1');
  const size = Math.min(chunk, Math.max(1, bytes.length));
  for (let at = 0; at < bytes.length; at += size) {
    splitter.push(bytes.subarray(at, at + size));
    for (let one = splitter.next(false); one; one = splitter.next(false))
      found.push([one.line, one.text.trim()]);
  }
  for (let one = splitter.next(true); one; one = splitter.next(true)) found.push([one.line, one.text.trim()]);
  return found;
}

const DUMP = `-- a comment; with a delimiter
/* another; one */
INSERT INTO \`t;\` VALUES ('a;b','it''s \\' ; "x"',"y;\\"");
/*!50003 SET sql_mode = '' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=\`a\`@\`h\`*/ /*!50003 TRIGGER t BEFORE INSERT ON t FOR EACH ROW BEGIN
SET @a = ';;'; # not; here
END */;;
DELIMITER ;
SELECT 1 - -1;
SELECT 2`;

describe('a dump in statements', () => {
  const whole = split(DUMP);

  it('is split at delimiters outside of texts, names and comments, and counts lines', () => {
    expect(whole.map(([line]) => line)).toEqual([3, 4, 6, 10, 11]);
    expect(whole.map(([, text]) => text.slice(-16))).toEqual([
      `' ; "x"',"y;\\"")`,
      `ET sql_mode = '' */`.slice(-16),
      expect.stringMatching(/END \*\/$/),
      'SELECT 1 - -1',
      'SELECT 2',
    ]);
  });

  it('loses nothing between them', () => {
    const splitter = new DumpSplitter();
    splitter.push(Buffer.from(DUMP, 'latin1'));
    let all = '';
    for (let one = splitter.next(true); one; one = splitter.next(true))
      all += one.before + one.text + one.delimiter;
    expect(all + splitter.tail).toBe(DUMP);
  });

  it('is the same in pieces of any size', () => {
    for (const chunk of [1, 2, 3, 5, 17, 64]) expect(split(DUMP, { chunk }), String(chunk)).toEqual(whole);
  });

  it('keeps every byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, chunk) => {
        const value = Buffer.from(bytes).toString('latin1').replace(/['\\]/g, '\\$&');
        expect(split(`INSERT '${value}';SELECT 1;`, { chunk })).toEqual([
          [1, `INSERT '${value}'`],
          [expect.any(Number), 'SELECT 1'],
        ]);
      }),
    );
  });

  it('takes a backslash as the server does in NO_BACKSLASH_ESCAPES', () => {
    const text = "SELECT '\\'; SELECT 2;";
    expect(split(text, { plainBackslashes: true })).toHaveLength(2);
    expect(split(text)).toHaveLength(1);
  });

  it('takes time in proportion to its length', () => {
    const text = `${'/**/ -- x\n'.repeat(100_000)}SELECT '${"''".repeat(500_000)}';${'SELECT 1;'.repeat(20_000)}`;
    expect(cpuTimeMs(() => void split(text, { chunk: 65_536 }))).toBeLessThan(5_000);
  });
});

const adapt = (sql: string) => new Adapter().adapt(sql);

describe('a statement with a DEFINER', () => {
  it.each([
    [
      'CREATE DEFINER=`root`@`localhost` PROCEDURE `p`(x int) SELECT x',
      'CREATE  PROCEDURE `p`(x int) SELECT x',
      'procedure `p`: DEFINER=`root`@`localhost`',
    ],
    [
      'CREATE DEFINER = root@localhost FUNCTION f() RETURNS INT RETURN 1',
      'CREATE  FUNCTION f() RETURNS INT RETURN 1',
      'function f: DEFINER=root@localhost',
    ],
    [
      "CREATE OR REPLACE DEFINER='o''x'@'%' EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
      'CREATE OR REPLACE  EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1',
      "event e: DEFINER='o''x'@'%'",
    ],
    [
      '/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON x FOR EACH ROW SET @a=1 */',
      '/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER `t` BEFORE INSERT ON x FOR EACH ROW SET @a=1 */',
      'trigger `t`: DEFINER=',
    ],
    [
      '/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a``b`@`%` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */',
      '/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013  SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */',
      'view `v`: DEFINER=`a``b`@`%`',
    ],
    [
      'CREATE ALGORITHM=MERGE DEFINER=CURRENT_USER() SQL SECURITY INVOKER VIEW d.v AS SELECT 1',
      'CREATE ALGORITHM=MERGE  SQL SECURITY INVOKER VIEW d.v AS SELECT 1',
      'view d.v: DEFINER=CURRENT_USER()',
    ],
    [
      '-- Name: x\nCREATE DEFINER=`role` PROCEDURE p() SELECT 1',
      '-- Name: x\nCREATE  PROCEDURE p() SELECT 1',
      'DEFINER=`role`',
    ],
  ])('%s', (sql, becomes, note) => {
    const adapted = adapt(sql);
    expect(adapted.sql).toBe(becomes);
    expect(`${adapted.definer?.object}: DEFINER=${adapted.definer?.was}`).toContain(note);
  });

  it.each([
    "INSERT INTO t VALUES ('CREATE DEFINER=`root`@`localhost` VIEW v AS SELECT 1')",
    'CREATE PROCEDURE p() SELECT "DEFINER=`root`@`localhost`"',
    'CREATE TABLE t (definer VARCHAR(10)) COMMENT "DEFINER=x"',
    'CREATE VIEW v AS SELECT 1 AS `DEFINER=x`',
  ])('is not seen in %s', (sql) => {
    expect(adapt(sql)).toEqual({ sql, leftOut: null, definer: null });
  });

  it('is looked for in time', () => {
    const look = () => {
      adapt(`CREATE ${' '.repeat(1_000_000)}x`);
      adapt(`${'/**/'.repeat(2_000)}CREATE ${'/*!1*/ '.repeat(1_000)}DEFINER`);
      adapt(`CREATE DEFINER=\`${'a'.repeat(1_000_000)}`);
    };
    expect(cpuTimeMs(look)).toBeLessThan(1_000);
  });
});

describe('what is not the dump’s to change', () => {
  it.each([
    "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'x:1-2'",
    'SET @@SESSION.SQL_LOG_BIN= 0',
    "CHANGE MASTER TO MASTER_LOG_FILE='x'",
    "CREATE USER a@b IDENTIFIED BY 'x'",
    'GRANT ALL ON *.* TO a',
    '/*M!100005 CREATE ROLE r */',
    'CREATE DATABASE /*!32312 IF NOT EXISTS*/ `mysql` /*!40100 DEFAULT CHARACTER SET latin1 */',
  ])('is left out and said: %s', (sql) => {
    expect(adapt(sql)).toEqual({ sql: null, leftOut: expect.any(String), definer: null });
  });

  it('is a system schema up to the next USE, but for settings', () => {
    const adapter = new Adapter();
    expect(adapter.adapt('USE `mysql`').sql).toBeNull();
    expect(adapter.adapt('INSERT INTO user VALUES (1)')).toEqual({
      sql: null,
      leftOut: null,
      definer: null,
    });
    expect(adapter.adapt('/*!40101 SET NAMES utf8 */').sql).not.toBeNull();
    expect(adapter.adapt('USE `mysql_shop`').sql).not.toBeNull();
    expect(adapter.adapt('INSERT INTO user VALUES (1)').sql).not.toBeNull();
  });
});

import type { Connection } from 'mysql2/promise';
import { attempt } from './app-port.js';
import { rowsOf, run } from './sql-node.js';

/** A session variable that a client may set, and values to try: all of a list, the limits of a number and some between. */
export interface SessionVariable {
  readonly name: string;
  /** As SQL. */
  readonly values: readonly string[];
}

export async function sessionVariables(connection: Connection): Promise<SessionVariable[]> {
  const rows = await rowsOf(
    connection,
    `SELECT variable_name n, variable_type t, enum_value_list e, numeric_min_value lo, numeric_max_value hi, default_value d
      FROM information_schema.system_variables WHERE read_only = 'NO' AND variable_scope LIKE 'SESSION%' ORDER BY n`,
  );
  return rows.map(({ n, t, e, lo, hi, d }) => ({
    name: String(n).toLowerCase(),
    values: valuesOf(String(t), e === null ? [] : String(e).split(','), [lo, hi, d]),
  }));
}

const TEXTS = ['', 'latin1', 'InnoDB', 'MyISAM', '+05:30', '0-1-1', '2001-01-01'];

function valuesOf(type: string, list: readonly string[], numbers: readonly unknown[]): string[] {
  const quoted = (values: readonly string[]) => values.map((value) => `'${value}'`);
  if (type === 'BOOLEAN') return ['0', '1'];
  if (type === 'ENUM') return quoted(list);
  if (type === 'SET') return quoted(['', ...list]);
  if (type === 'FLAGSET') return quoted(list.flatMap((flag) => [`${flag}=on`, `${flag}=off`]));
  if (/INT|DOUBLE/.test(type)) {
    const limits = numbers.filter((value) => value !== null).map(String);
    return [...new Set([...limits, '1', '3', '7', '30'])];
  }
  return quoted(TEXTS);
}

const columns = (count: number, type: string) =>
  Array.from({ length: count }, (_, i) => `c${i} ${type} NOT NULL DEFAULT ''`).join(', ');

/**
 * Statements whose outcome could depend on a session variable. Some fail under the server's defaults and are executed
 * under other values; what matters is that all nodes agree. Each session executes them in a database of its own.
 */
export const BATTERY: readonly string[] = [
  `CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20) NOT NULL DEFAULT 'x', j JSON, ts TIMESTAMP, ts2 TIMESTAMP,
    tm TIME(3), dt DATETIME DEFAULT NOW(), y YEAR, b BLOB, e ENUM('a','b'), d DOUBLE, f FLOAT, de DECIMAL(10,3),
    u VARCHAR(20) CHARACTER SET utf8, bi BIT(3), q INT DEFAULT 7,
    gv VARCHAR(60) AS (CONCAT(q, v)) VIRTUAL, KEY (gv), KEY (v))`,
  'CREATE TABLE k (a INT) KEY_BLOCK_SIZE=3',
  'CREATE TABLE IF NOT EXISTS k (a INT)',
  'CREATE TABLE rf (a INT PRIMARY KEY, b TEXT) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=16',
  'CREATE TABLE pc (a INT PRIMARY KEY) PAGE_COMPRESSED=1 PAGE_COMPRESSION_LEVEL=3',
  'CREATE TABLE en (a INT PRIMARY KEY) ENCRYPTED=YES',
  `CREATE TABLE wide (${columns(40, 'VARCHAR(255)')}) CHARACTER SET latin1 ROW_FORMAT=DYNAMIC`,
  `CREATE TABLE wide2 (${columns(200, 'CHAR(60)')}) CHARACTER SET latin1 ROW_FORMAT=COMPACT`,
  'CREATE TABLE long_key (id INT PRIMARY KEY, v VARCHAR(3000), KEY (v))',
  'CREATE TABLE unknown_option (a INT FOO=1 PRIMARY KEY) BAR=1',
  "CREATE TABLE elsewhere (a INT PRIMARY KEY) INDEX DIRECTORY='/nowhere'",
  'CREATE TABLE too_long (a VARCHAR(70000))',
  "CREATE TABLE de (a DATE DEFAULT '0000-00-00', c DATETIME DEFAULT '2020-02-31', e CHAR(3) DEFAULT 'abcd')",
  'CREATE TABLE tp (a INT PRIMARY KEY, b REAL, c VARCHAR(300), d CHAR(10) BINARY) PARTITION BY HASH (a) PARTITIONS 2',
  'CREATE TABLE q1 ("a b" INT)',
  "CREATE TABLE pp (a VARCHAR(10) DEFAULT ('x' || 'y'), b INT DEFAULT (5 - 3), c INT DEFAULT (NOT 1 BETWEEN -5 AND 5), d INT CHECK (d > -1))",
  'CREATE TABLE vs (a INT PRIMARY KEY, b INT) WITH SYSTEM VERSIONING',
  'CREATE TABLE geo (id INT PRIMARY KEY, g POINT NOT NULL, SPATIAL KEY (g))',
  'CREATE TABLE ft (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY (t))',
  'CREATE TABLE uh (t TEXT, UNIQUE (t))',
  'CREATE SEQUENCE sq START WITH 5 CACHE 10',
  'CREATE TABLE nv (id INT PRIMARY KEY DEFAULT NEXTVAL(sq), v INT)',
  `CREATE TABLE ctas AS SELECT 1/3 a, CAST('5' AS DECIMAL(10,2)) b, CONCAT('a', 5) c, NOW() d, DATE('2020-01-02') + 1 e,
    'é' f, 1e3 g, TRUE h, '' i, 10/7*3 z, HEX(5) hx, MD5('x') m, TIME('10:00:00') t, GROUP_CONCAT(1) gc, REPEAT('x', 100) rp`,
  'CREATE TABLE lk LIKE a',
  "INSERT INTO a (v, d, f, de, e, u, bi, y, b) VALUES ('one', 1/3, 1/3, 2.0005, 'a', 'ü', 5, 2020, 'x'), ('two', 1e300, 3, 1/7, 'b', 'é', 1, 70, '')",
  "INSERT INTO a (v, ts, dt, tm) VALUES (CONCAT('z', 1/3), '2020-01-01 00:00:00', NOW(), '10:11:12.5')",
  "INSERT INTO a (id, v) VALUES (0, 'zero')",
  "INSERT INTO a (v, ts) VALUES ('null', NULL)",
  "INSERT INTO a (v, e, de, y, ts) VALUES ('bad', 'q', 99999999999, 3000, '2020-02-31')",
  "INSERT INTO a SET v = REPEAT('l', 30)",
  "UPDATE a SET v = CONCAT(v, '!'), d = d / 3 WHERE id < 3",
  "UPDATE a SET v = 'lim' ORDER BY v LIMIT 1",
  'INSERT INTO nv (v) VALUES (1), (2)',
  "INSERT INTO uh VALUES ('abc'), ('abd')",
  'INSERT INTO geo VALUES (1, POINT(1, 1))',
  'UPDATE geo SET g = POINT(2, 2)',
  "INSERT INTO ft VALUES (1, 'hello world')",
  'INSERT INTO vs VALUES (1, 1)',
  'UPDATE vs SET b = 2',
  'DELETE FROM vs',
  "INSERT INTO tp VALUES (1, 1.5, 'c', 'd')",
  'INSERT INTO k VALUES (1), (2)',
  'UPDATE k SET a = a + 1',
  "ALTER TABLE a ADD COLUMN n1 INT NOT NULL DEFAULT 5, ADD COLUMN n2 VARCHAR(40) DEFAULT (CONCAT('a', 1/3))",
  "ALTER TABLE a ADD COLUMN n4 TIMESTAMP, ADD COLUMN n5 DATETIME DEFAULT '2020-01-01 01:02:03'",
  'ALTER TABLE a MODIFY v VARCHAR(40)',
  'ALTER TABLE a MODIFY d VARCHAR(60)',
  "ALTER TABLE a MODIFY e ENUM('a','b','c')",
  'ALTER TABLE a DROP KEY v, ALGORITHM=DEFAULT',
  'ALTER TABLE lk ADD dt2 DATE NOT NULL',
  'ALTER TABLE k KEY_BLOCK_SIZE=8',
  'ALTER TABLE vs ADD COLUMN c INT',
  'ALTER TABLE tp ADD PARTITION PARTITIONS 1',
  'ALTER TABLE ft CONVERT TO CHARACTER SET utf8',
  'CREATE INDEX ix ON tp (c)',
  "CREATE VIEW vw AS SELECT id, v || 'x' vx FROM a",
  'CREATE FUNCTION fn(x INT) RETURNS DECIMAL(20,10) RETURN x / 3',
  "CREATE PROCEDURE pr() INSERT INTO a (v, d) VALUES (CONCAT('p', 1/3), fn(2))",
  "CREATE TRIGGER tr BEFORE INSERT ON lk FOR EACH ROW SET NEW.v = CONCAT(NEW.v, '-', 1/3)",
  "INSERT INTO lk (id, v) VALUES (2, 't2')",
  'CALL pr()',
  'CREATE TABLE par (id INT PRIMARY KEY)',
  'CREATE TABLE chi (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES par (id) ON DELETE CASCADE)',
  'INSERT INTO chi VALUES (1, 77)',
  'INSERT INTO par VALUES (1)',
  'INSERT INTO chi VALUES (2, 1)',
  'DELETE FROM par',
  'ALTER TABLE chi ADD CONSTRAINT fk2 FOREIGN KEY (p) REFERENCES nowhere (id)',
  'DROP TABLE par',
  'DROP TABLE never_there',
  'ALTER TABLE never_there ADD x INT',
  'RENAME TABLE never_there TO nor_here',
  'CREATE TEMPORARY TABLE tt (a INT)',
  'INSERT INTO tt VALUES (1)',
  'INSERT INTO k SELECT a FROM tt',
  'CREATE TABLE ftt AS SELECT * FROM tt',
  'CREATE TABLE ltt LIKE tt',
  'TRUNCATE TABLE tp',
  'RENAME TABLE ftt TO ftt2',
  'ANALYZE TABLE k',
  'START TRANSACTION',
  'INSERT INTO k VALUES (100)',
  'COMMIT',
  'BEGIN',
  'INSERT INTO k VALUES (101)',
  'SAVEPOINT s1',
  'INSERT INTO k VALUES (102)',
  'ROLLBACK TO s1',
  'COMMIT',
  "REPLACE INTO a (id, v) VALUES (1, 'rep')",
  "INSERT INTO a (id, v) VALUES (1, 'du') ON DUPLICATE KEY UPDATE v = 'odku'",
  'DROP SEQUENCE sq',
];

export interface Tried {
  /** Variables that the session took. */
  readonly accepted: readonly string[];
  /** Statements of the battery that were executed. */
  readonly executed: number;
}

/** Sets what the server lets be set, then executes the battery in a new database. */
export async function tryVariables(
  connection: Connection,
  database: string,
  settings: readonly { readonly name: string; readonly value: string }[],
): Promise<Tried> {
  // Under some character sets the text of these could not be read any more.
  await run(connection, `CREATE DATABASE ${database}`);
  await run(connection, `USE ${database}`);
  const accepted: string[] = [];
  for (const { name, value } of settings) {
    if ((await attempt(connection, `SET SESSION ${name} = ${value}`)) === null)
      accepted.push(`${name}=${value}`);
  }
  let executed = 0;
  if (accepted.length === 0) return { accepted, executed };
  for (const sql of BATTERY) {
    try {
      if ((await attempt(connection, sql)) === null) executed++;
    } catch {
      // A time-out that it has set ended the session.
      break;
    }
  }
  return { accepted, executed };
}

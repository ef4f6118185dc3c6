import { expect, it } from 'vitest';
import { cpuTimeMs } from '../../test/kit/cpu-time.js';
import { isNoDdl, riskOf } from './ddl-risk.js';

it.each([
  ['ALTER TABLE t ADD u VARCHAR(40) DEFAULT (UUID())', 'EACH_NODE_ITS_OWN_VALUES'],
  ['/* app */ alter online table `d`.`t 1` add column r double default (rand())', 'EACH_NODE_ITS_OWN_VALUES'],
  ['ALTER TABLE t ADD COLUMN s DATETIME(6) DEFAULT (SYSDATE(6))', 'EACH_NODE_ITS_OWN_VALUES'],
  ['ALTER TABLE t MODIFY u VARCHAR(90) DEFAULT (CURRENT_USER())', 'EACH_NODE_ITS_OWN_VALUES'],
  ['ALTER TABLE t ADD u INT DEFAULT NEXTVAL(s)', 'SEQUENCE_DEFAULT_ADDED'],
  ['ALTER TABLE t ADD u INT DEFAULT NEXT VALUE FOR s', 'SEQUENCE_DEFAULT_ADDED'],
])('%s: existing rows get values that differ', (statement, code) => {
  expect(riskOf(statement)?.code).toBe(code);
});

it('an index over a division', () => {
  expect(riskOf('CREATE TABLE t (a INT, v DECIMAL(9,4) AS (1 / a) VIRTUAL, KEY (v))')?.code).toBe(
    'INDEXED_DIVISION',
  );
  expect(riskOf('CREATE TABLE t (a INT, v INT AS (a + 1) VIRTUAL, KEY (v)) /* of the app */')).toBeNull();
});

it.each([
  // A new table has no rows yet, and an INSERT is replicated as the rows that it made.
  'CREATE TABLE t (id UUID DEFAULT UUID() PRIMARY KEY)',
  'ALTER TABLE t ADD created DATETIME DEFAULT NOW()',
  'ALTER TABLE t ADD n INT DEFAULT 5',
  'ALTER TABLE users ADD KEY (user)',
  'ALTER TABLE t AUTO_INCREMENT = 100, ADD KEY (v)',
  'ALTER TABLE t MODIFY id INT NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=5',
  'CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)',
  'INSERT IGNORE INTO t VALUES (1)',
  'DROP TABLE t',
  '',
])('%s: nothing is said', (statement) => {
  expect(riskOf(statement)).toBeNull();
});

it.each([
  'ALTER TABLE t ADD id INT AUTO_INCREMENT PRIMARY KEY',
  'alter table t add column (id bigint not null auto_increment, primary key (id))',
  'ALTER TABLE t ADD id SERIAL',
  'ALTER TABLE t MODIFY id INT AUTO_INCREMENT, ADD PRIMARY KEY (id)',
  'ALTER IGNORE TABLE t ADD UNIQUE (v)',
  'ALTER ONLINE IGNORE TABLE t ADD UNIQUE (v)',
])('%s: the order of rows is told of', (statement) => {
  expect(riskOf(statement)?.code).toBe('ORDER_OF_ROWS');
});

it('the table is named', () => {
  expect(riskOf('ALTER TABLE `d`.`t 1` ADD u INT DEFAULT (RAND())')?.text).toContain(
    'ALTER TABLE d.t 1 gave',
  );
});

it.each(['COMMIT', 'ROLLBACK', 'XA COMMIT 0x61', 'SAVEPOINT a'])('%s is no DDL', (statement) => {
  expect(isNoDdl(statement)).toBe(true);
});

it('a large statement is looked at in linear time', () => {
  const look = () => {
    for (const text of ['alter ', 'alter table ', 'table `', 'as ( key / ', '/* ', 'add default '])
      riskOf(text.repeat(1_000_000 / text.length));
  };
  expect(cpuTimeMs(look)).toBeLessThan(2_000);
});

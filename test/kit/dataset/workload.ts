import type { Connection } from 'mysql2/promise';
import { sleep } from '../../../src/std/timing.js';
import { type Random, seededRandom } from '../random.js';
import { run, scalarOf } from '../sql-node.js';
import { DATABASE, EVERY_TYPE_COLUMNS } from './schema.js';
import * as values from './values.js';

export interface WorkloadOptions {
  connect: () => Promise<Connection>;
  seed: number;
  signal: AbortSignal;
  /** Also CREATE, ALTER, RENAME, TRUNCATE, DROP between the writes. */
  ddl?: boolean;
  /** Breaks of the connection are expected (the test kills processes): connect again and go on. */
  outages?: boolean;
  /** Pause between two actions. */
  paceMs?: number;
}

export interface WorkloadResult {
  actions: number;
  /** Refusals that any busy database gives: deadlocks, duplicates, time-outs. */
  refusals: Map<string, number>;
  outages: number;
}

type Action = (connection: Connection, random: Random, tag: string) => Promise<void>;

/** What a server may answer to an application that does nothing wrong. */
const EXPECTED = new Set([
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_DUP_ENTRY',
  'ER_CHECKREAD',
  'ER_ROW_IS_REFERENCED_2',
  'ER_NO_REFERENCED_ROW_2',
  'ER_VIEW_CHECK_FAILED',
  'ER_TABLE_DEF_CHANGED',
  'ER_NO_SUCH_TABLE',
]);

/** Does all kinds of work on the data set until `signal` aborts. Several may run at once with different seeds. */
export async function mixedWorkload(options: WorkloadOptions): Promise<WorkloadResult> {
  const { seed, signal, ddl = false, outages = false, paceMs = 0 } = options;
  const random = seededRandom(seed);
  const tag = `w${seed}`;
  const result: WorkloadResult = { actions: 0, refusals: new Map(), outages: 0 };
  let connection: Connection | null = null;
  while (!signal.aborted) {
    const action = ddl && random.chance(0.04) ? random.pick(DDL) : random.pick(DML);
    try {
      connection ??= await open(options);
      await action(connection, random, tag);
      result.actions += 1;
    } catch (error) {
      const code = (error as { code?: string }).code ?? 'unknown';
      if (EXPECTED.has(code)) {
        result.refusals.set(code, (result.refusals.get(code) ?? 0) + 1);
        await connection?.query('ROLLBACK').catch(() => {});
      } else if (outages && !(error instanceof TypeError)) {
        result.outages += 1;
        connection?.destroy();
        connection = null;
        await sleep(100, signal).catch(() => {});
      } else {
        throw error;
      }
    }
    if (paceMs > 0) await sleep(paceMs, signal).catch(() => {});
  }
  connection?.destroy();
  return result;
}

async function open(options: WorkloadOptions): Promise<Connection> {
  const connection = await options.connect();
  connection.on('error', () => {});
  await run(connection, `USE ${DATABASE}`);
  await run(connection, 'SET SESSION innodb_lock_wait_timeout = 3');
  return connection;
}

async function transaction(connection: Connection, work: () => Promise<void>, end = 'COMMIT'): Promise<void> {
  await run(connection, 'START TRANSACTION');
  await work();
  await run(connection, end);
}

const someCustomer = (random: Random) =>
  `(SELECT id FROM (SELECT id FROM customer WHERE id >= ${1000 + random.int(0, 300)} ORDER BY id LIMIT 1) x)`;

const insertCustomer: Action = async (connection, random, tag) => {
  const n = random.int(1, 2_000_000_000);
  await run(
    connection,
    `INSERT INTO customer (region_id, email, first_name, last_name, profile, uuid, kind)
     VALUES (${random.int(1, 50)}, '${tag}-${n}@new.example', 'New', '${values.words(random, 1)}', '{"city":"Neustadt"}', UUID(), 'company')`,
  );
};

const updateByKey: Action = async (connection, random) => {
  await run(
    connection,
    `UPDATE customer SET balance = balance + ${random.int(-5, 5)}, flags = flags | 8 WHERE id = ${1000 + random.int(0, 2000)}`,
  );
};

const updateRange: Action = async (connection, random) => {
  const from = random.int(0, 400);
  await run(
    connection,
    `UPDATE measure SET value = value * 1.01, note = 'seen' WHERE sensor = ${from} ORDER BY id, at LIMIT 50`,
  );
};

const deleteWithCascade: Action = async (connection, random) => {
  await run(connection, `DELETE FROM tree WHERE id = ${random.int(60, 100_000)}`);
  await run(
    connection,
    `DELETE FROM purchase WHERE id BETWEEN ${random.int(1, 1_000_000)} AND ${random.int(1, 50)} ORDER BY id LIMIT 2`,
  );
  await run(
    connection,
    `DELETE FROM purchase WHERE customer_id = ${someCustomer(random)} ORDER BY id DESC LIMIT 1`,
  );
};

const growTree: Action = async (connection, random) => {
  await run(
    connection,
    `INSERT IGNORE INTO tree (id, parent, label) VALUES (${random.int(50, 200_000)}, ${random.int(1, 40)}, 'grown')`,
  );
};

const moveRows: Action = async (connection, random) => {
  // From one partition to another, and through a subpartition.
  await run(
    connection,
    `UPDATE measure SET at = at + INTERVAL ${random.int(-200, 400)} DAY WHERE sensor = ${random.int(0, 500)} ORDER BY id LIMIT 5`,
  );
};

const savepoints: Action = async (connection, random) => {
  await transaction(
    connection,
    async () => {
      await run(connection, `UPDATE bucket SET n = n + 1 WHERE k = ${random.int(1, 200) * 7}`);
      await run(connection, 'SAVEPOINT before_mistake');
      await run(connection, `INSERT INTO bare (a, b) VALUES ('mistake', ${random.next()})`);
      await run(connection, `DELETE FROM keyless WHERE a = ${random.int(0, 400)}`);
      await run(connection, 'ROLLBACK TO SAVEPOINT before_mistake');
      await run(connection, `INSERT INTO bare (a, b) VALUES ('kept', ${random.next()})`);
    },
    random.chance(0.8) ? 'COMMIT' : 'ROLLBACK',
  );
};

const keylessRows: Action = async (connection, random) => {
  await run(connection, `UPDATE keyless SET d = d + 1 WHERE a = ${random.int(0, 400)} LIMIT 3`);
  await run(connection, `INSERT INTO keyless VALUES (${random.int(0, 400)}, 'added', NOW(6), RAND() * 100)`);
  if (random.chance(0.3))
    await run(connection, `DELETE FROM keyless WHERE a = ${random.int(0, 400)} LIMIT 1`);
};

const callProcedure: Action = async (connection, random) => {
  await run(connection, `CALL place_purchase(${someCustomer(random)}, ${random.int(1, 4)}, @purchase_no)`);
  if (random.chance(0.2)) await run(connection, 'CALL retire(1)');
};

const drawTicket: Action = async (connection, random, tag) => {
  await scalarOf(connection, `SELECT draw('${tag}')`);
  if (random.chance(0.5)) await run(connection, `INSERT INTO drawn (who) VALUES ('${tag}')`);
};

const upserts: Action = async (connection, random) => {
  const k = random.int(1, 500) * 7;
  await run(
    connection,
    `INSERT INTO bucket (k, v) VALUES (${k}, 'up') ON DUPLICATE KEY UPDATE n = n + 1, v = VALUES(v)`,
  );
  await run(connection, `REPLACE INTO bucket (k, v, n) VALUES (${k + 1}, 'replaced', ${random.int(0, 9)})`);
};

const versioned: Action = async (connection, random) => {
  await run(
    connection,
    `UPDATE price_list SET price = price + 0.01 WHERE product_id = ${random.int(1, 100)}`,
  );
  if (random.chance(0.2)) {
    await run(connection, `DELETE FROM price_list WHERE product_id = ${random.int(1, 100)}`);
  }
};

const everyType: Action = async (connection, random) => {
  const columns = EVERY_TYPE_COLUMNS;
  await run(
    connection,
    `INSERT INTO every_type (${columns.map(([name]) => name).join(',')}) VALUES (${values.everyTypeRow(random)})`,
  );
  const [name, type] = random.pick(columns);
  await run(
    connection,
    `UPDATE every_type SET ${name} = ${values.valueFor(random, type)} WHERE id = ${random.int(1, 300)}`,
  );
};

const insertSelect: Action = async (connection, random) => {
  await run(
    connection,
    `INSERT INTO journal (land, at, text) SELECT land, NOW(3), CONCAT('copy of ', id) FROM journal
     WHERE land = '${random.pick(['DE', 'SE', 'FR'])}' ORDER BY id LIMIT ${random.int(1, 30)}`,
  );
};

const multiTable: Action = async (connection, random) => {
  await run(
    connection,
    `UPDATE purchase p JOIN purchase_line l ON l.purchase_id = p.id SET p.state = 'sent', l.quantity = l.quantity + 1
     WHERE p.id = ${random.int(1, 2000)}`,
  );
};

const throughView: Action = async (connection, random) => {
  await run(
    connection,
    `UPDATE company SET last_name = 'GmbH ${random.int(1, 99)}' WHERE id = ${1000 + random.int(0, 500)}`,
  );
};

const temporaryTable: Action = async (connection, random) => {
  await run(connection, 'CREATE TEMPORARY TABLE IF NOT EXISTS scratchpad (k INT, n INT)');
  await run(connection, `INSERT INTO scratchpad SELECT k, n FROM bucket LIMIT ${random.int(1, 20)}`);
  await run(connection, 'UPDATE bucket b JOIN scratchpad s USING (k) SET b.n = b.n + 1');
  await run(connection, 'DROP TEMPORARY TABLE scratchpad');
};

const DML: readonly Action[] = [
  insertCustomer,
  insertCustomer,
  updateByKey,
  updateByKey,
  updateRange,
  deleteWithCascade,
  growTree,
  moveRows,
  savepoints,
  keylessRows,
  callProcedure,
  drawTicket,
  upserts,
  versioned,
  everyType,
  insertSelect,
  multiTable,
  throughView,
  temporaryTable,
];

const makeAndDrop: Action = async (connection, random, tag) => {
  const name = `made_by_${tag}`;
  await run(connection, `CREATE OR REPLACE TABLE ${name} (a INT PRIMARY KEY, b VARCHAR(20))`);
  await run(connection, `INSERT INTO ${name} SELECT k, v FROM bucket LIMIT ${random.int(1, 50)}`);
  await run(
    connection,
    `ALTER TABLE ${name} ADD COLUMN c INT NOT NULL DEFAULT ${random.int(0, 99)} AFTER a, ADD KEY (b)`,
  );
  await run(connection, `UPDATE ${name} SET c = c + a`);
  await run(connection, `DROP TABLE IF EXISTS ${name}_old`);
  await run(connection, `RENAME TABLE ${name} TO ${name}_old`);
  if (random.chance(0.3)) await run(connection, `TRUNCATE TABLE ${name}_old`);
};

const createSelect: Action = async (connection, random, tag) => {
  await run(
    connection,
    `CREATE OR REPLACE TABLE copied_by_${tag} AS SELECT id, land, text FROM journal LIMIT ${random.int(1, 200)}`,
  );
};

/**
 * On a table of their own: whoever holds the others (a checksum in a snapshot) would stop the DDL, and the DDL
 * everybody behind it.
 */
const alterLive: Action = async (connection, random, tag) => {
  await run(
    connection,
    `ALTER TABLE shape ADD COLUMN IF NOT EXISTS extra_${tag} INT DEFAULT ${random.int(0, 9)}`,
  );
  await run(connection, `UPDATE shape SET extra_${tag} = k WHERE k < 100`);
  await run(connection, `ALTER TABLE shape DROP COLUMN IF EXISTS extra_${tag}`);
};

const partitions: Action = async (connection, random) => {
  await run(connection, 'ALTER TABLE shape ANALYZE PARTITION p0');
  await run(connection, 'ALTER TABLE shape COALESCE PARTITION 1');
  await run(connection, `UPDATE shape SET n = ${random.int(1, 99)} ORDER BY k LIMIT 20`);
  await run(connection, 'ALTER TABLE shape ADD PARTITION PARTITIONS 1');
};

const redefine: Action = async (connection, random, tag) => {
  await run(
    connection,
    `CREATE OR REPLACE VIEW seen_by_${tag} AS SELECT ${random.int(1, 9)} one, k FROM bucket`,
  );
  await run(
    connection,
    `CREATE OR REPLACE FUNCTION f_${tag}(x INT) RETURNS INT DETERMINISTIC RETURN x + ${random.int(1, 9)}`,
  );
  await run(connection, `DROP PROCEDURE IF EXISTS p_${tag}`);
  await run(
    connection,
    `CREATE PROCEDURE p_${tag}() UPDATE bucket SET n = n + 1 WHERE k = ${random.int(1, 9) * 7}`,
  );
  await run(connection, `CALL p_${tag}()`);
};

const DDL: readonly Action[] = [makeAndDrop, createSelect, alterLive, partitions, redefine];

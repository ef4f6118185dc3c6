import { run, type SqlNode, withSql } from '../../test/kit/sql-node.js';
import { purgeBinlogs } from '../throughput/measure.js';
import { DATABASE } from '../throughput/sysbench.js';

export const DATA_TABLES = 4;
/** Eight digests of 128 characters, and what a page needs for a row beside them: 15 rows fill a page of 16 KiB. */
const ROW_BYTES = 16_384 / 15;
/** Two megabytes: a usual transaction of a load job. */
const ROWS_EACH = 2_000;

export const rowsOfTable = (bytes: number) => Math.ceil(bytes / ROW_BYTES / DATA_TABLES);

/**
 * Tables of about so many bytes together, and an empty one for what clients write. The texts cannot be compressed to
 * nothing. The server's binary log is given back to the disk as it grows: whoever joins later cannot replay it.
 */
export async function fill(primary: SqlNode, bytes: number, signal: AbortSignal): Promise<void> {
  await withSql(primary, async (connection) => {
    await run(connection, `CREATE DATABASE ${DATABASE}`);
    await run(
      connection,
      `CREATE TABLE ${DATABASE}.arrivals (id BIGINT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(200) NOT NULL)`,
    );
  });
  const tables = Array.from({ length: DATA_TABLES }, (_, at) => at + 1);
  await Promise.all(tables.map((table) => fillTable(primary, table, rowsOfTable(bytes), signal)));
  await withSql(primary, purgeBinlogs);
}

async function fillTable(primary: SqlNode, table: number, rows: number, signal: AbortSignal): Promise<void> {
  const name = `${DATABASE}.data_${table}`;
  await withSql(primary, async (connection) => {
    await run(
      connection,
      `CREATE TABLE ${name} (id BIGINT PRIMARY KEY, counter INT NOT NULL DEFAULT 0, text VARCHAR(1100) CHARACTER SET latin1 NOT NULL)`,
    );
    for (let from = 1; from <= rows; from += ROWS_EACH) {
      signal.throwIfAborted();
      const to = Math.min(rows, from + ROWS_EACH - 1);
      await run(
        connection,
        `INSERT INTO ${name} (id, text) SELECT seq, REPEAT(SHA2(CONCAT(seq, '-${table}'), 512), 8) FROM ${DATABASE}.seq_${from}_to_${to}`,
      );
      if (table === 1) await purgeBinlogs(connection);
    }
  });
}

import type { ChunkSums, KeyValues, TableName } from '../model/verify.js';
import { borderSql, checksumSql } from './checksum-sql.js';
import type { KeyRange } from './key-range.js';
import { ER_BAD_DB, ER_NO_SUCH_TABLE, errnoOf, quoted, quotedTable, type SqlSession } from './sql-session.js';
import { readShape, type TableShape } from './table-shape.js';

/** What a session needs so that the same value has the same text on every node. */
const SETTINGS = [
  "time_zone = '+00:00'",
  "sql_mode = ''",
  "tx_isolation = 'REPEATABLE-READ'",
  // DDL that waits for this session's lock keeps all others waiting behind it.
  'lock_wait_timeout = 1',
  'max_statement_time = 60',
].join(', SESSION ');

/**
 * A consistent snapshot of the local server, from which chunks are read while others write. It holds no lock between two
 * chunks: a savepoint takes back the lock that a SELECT leaves on its table's definition, so DDL waits for one chunk at most.
 */
export class Snapshot {
  readonly #session: SqlSession;
  readonly openedAtMs = performance.now();

  private constructor(session: SqlSession) {
    this.#session = session;
  }

  /** The session belongs to the snapshot from then on. */
  static async open(session: SqlSession): Promise<Snapshot> {
    await prepareSession(session);
    await session.run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    return new Snapshot(session);
  }

  close(): void {
    this.#session.destroy();
  }

  /** A MariaDB primary: the place of its binary log that the snapshot shows. */
  async logPlace(): Promise<{ file: string; position: number }> {
    const rows = await this.#session.queryRows(`SHOW STATUS LIKE 'binlog_snapshot_%'`);
    const field = (name: string) =>
      rows.find((row) => String(row.Variable_name).toLowerCase() === name)?.Value ?? '';
    return { file: field('binlog_snapshot_file'), position: Number(field('binlog_snapshot_position')) };
  }

  async gtidAt({ file, position }: { file: string; position: number }): Promise<string> {
    const name = Buffer.from(file).toString('hex');
    const [row] = await this.#session.queryRows(`SELECT BINLOG_GTID_POS(x'${name}', ${position}) AS gtid`);
    return row?.gtid ?? '';
  }

  /** The last GTID in the log now. */
  async logEnd(): Promise<string> {
    const [row] = await this.#session.queryRows('SELECT @@global.gtid_binlog_pos AS gtid');
    return row?.gtid ?? '';
  }

  /** Reads under the locks of the table's definition, which are given back at the end. */
  async #within<T>(read: () => Promise<T>): Promise<T> {
    await this.#session.run('SAVEPOINT chunk');
    try {
      return await read();
    } finally {
      await this.#session.run('ROLLBACK TO SAVEPOINT chunk');
    }
  }

  /**
   * The table's shape, and the sums of the range. Null: there is no such table. `then` runs while the table's definition is
   * still locked.
   */
  chunk(
    table: TableName,
    range: KeyRange,
    then: () => Promise<void> = async () => {},
  ): Promise<{ shape: TableShape; sums: ChunkSums } | null> {
    return this.#within(async () => {
      await this.#lock(table);
      const shape = await readShape(this.#session, table);
      const found = shape && { shape, sums: await readSums(this.#session, table, shape, range) };
      await then();
      return found;
    });
  }

  /**
   * The end of the next chunk of `rows` rows within the range; null = the rest of the range is one chunk (there may also be no
   * such table).
   */
  border(table: TableName, range: KeyRange, rows: number): Promise<KeyValues | null> {
    return this.#within(async () => {
      await this.#lock(table);
      const shape = await readShape(this.#session, table);
      if (!shape?.key) return null;
      const { key } = shape;
      const [row] = await this.#session.queryRows(borderSql(table, { ...shape, key }, range, rows));
      return row === undefined ? null : key.columns.map((_, i) => String(row[`k${i}`]));
    });
  }

  /** SHOW CREATE TABLE alone leaves no lock behind. */
  async #lock(table: TableName): Promise<void> {
    await lockDefinition(this.#session, table);
  }

  async tables(): Promise<TableName[]> {
    return readTables(this.#session);
  }
}

export async function prepareSession(session: SqlSession): Promise<void> {
  await session.run(`SET SESSION ${SETTINGS}`);
}

/** Nothing when there is no such table. */
export async function lockDefinition(session: SqlSession, table: TableName): Promise<void> {
  try {
    await session.queryRows(`SELECT 1 FROM ${quotedTable(table)} LIMIT 0`);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== ER_NO_SUCH_TABLE && errno !== ER_BAD_DB) throw error;
  }
}

export async function readSums(
  session: SqlSession,
  table: TableName,
  shape: TableShape,
  range: KeyRange,
): Promise<ChunkSums> {
  const [row] = await session.queryRows(checksumSql(table, shape, range));
  return { rows: Number(row?.n), xor: String(row?.x), sum: String(row?.s) };
}

const SYSTEM_SCHEMAS = "('mysql', 'information_schema', 'performance_schema', 'sys')";

/** All tables with rows of the cluster; those that a repair set aside are a node's own (mysql-control/definitions.ts). */
async function readTables(session: SqlSession): Promise<TableName[]> {
  const rows = await session.queryRows(
    `SELECT table_schema AS s, table_name AS t FROM information_schema.tables
      WHERE table_schema NOT IN ${SYSTEM_SCHEMAS} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
        AND NOT (table_schema = 'skein' AND table_name LIKE 'set\\_aside\\_%')
      ORDER BY s, t`,
  );
  return rows.map(({ s, t }) => ({ schema: String(s), name: String(t) }));
}

/** One text for each table, for people: names in quotes where a dot, or a quote, could be of either. */
export function tableText({ schema, name }: TableName): string {
  const shown = (part: string) => (/[.`]/.test(part) ? quoted(part) : part);
  return `${shown(schema)}.${shown(name)}`;
}

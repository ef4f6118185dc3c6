import type { ServerSql, SnapshotPlace } from '../flavour/server-sql.js';
import type { ChunkSums, KeyValues, TableName } from '../model/verify.js';
import { borderSql, checksumSql } from './checksum-sql.js';
import type { KeyRange } from './key-range.js';
import { isNoSuchTable, quoted, quotedTable, type SqlSession } from './sql-session.js';
import { readShape, type TableShape } from './table-shape.js';

/** What is said to the server differently for servers of another kind. */
export type ComparisonSql = Pick<
  ServerSql,
  'comparisonSettings' | 'positions' | 'snapshotPlace' | 'snapshotGtid'
>;

/**
 * A consistent snapshot of the local server, from which chunks are read while others write. It holds no lock between two
 * chunks: a savepoint takes back the lock that a SELECT leaves on its table's definition, so DDL waits for one chunk at most.
 */
export class Snapshot {
  readonly #session: SqlSession;
  readonly #sql: ComparisonSql;
  readonly openedAtMs = performance.now();

  private constructor(session: SqlSession, sql: ComparisonSql) {
    this.#session = session;
    this.#sql = sql;
  }

  /** The session belongs to the snapshot from then on. */
  static async open(session: SqlSession, sql: ComparisonSql): Promise<Snapshot> {
    await prepareSession(session, sql);
    await session.run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    return new Snapshot(session, sql);
  }

  close(): void {
    this.#session.destroy();
  }

  /** A primary: the place of its log that the snapshot shows. */
  logPlace(): Promise<SnapshotPlace> {
    return this.#sql.snapshotPlace((sql) => this.#session.queryRows(sql));
  }

  gtidAt(place: SnapshotPlace): Promise<string> {
    return this.#sql.snapshotGtid((sql) => this.#session.queryRows(sql), place);
  }

  /** The last GTID in the log now. */
  async logEnd(): Promise<string> {
    return positionOf(this.#session, this.#sql.positions.logged);
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

/** The session gets what it needs so that the same value has the same text on every node. */
export async function prepareSession(
  session: SqlSession,
  { comparisonSettings }: Pick<ServerSql, 'comparisonSettings'>,
): Promise<void> {
  await session.run(`SET SESSION ${comparisonSettings.join(', SESSION ')}`);
}

/** A position that the server reports; '' = nothing was ever written. `expression`: see ServerSql.positions. */
export async function positionOf(session: SqlSession, expression: string): Promise<string> {
  const [row] = await session.queryRows(`SELECT ${expression} AS gtid`);
  return row?.gtid ?? '';
}

/** Nothing when there is no such table. */
export async function lockDefinition(session: SqlSession, table: TableName): Promise<void> {
  try {
    await session.queryRows(`SELECT 1 FROM ${quotedTable(table)} LIMIT 0`);
  } catch (error) {
    if (!isNoSuchTable(error)) throw error;
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

/** All tables with rows of the cluster; those that a repair set aside are a node's own (flavour/definitions.ts). */
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

import type { Connection, ConnectionOptions, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { createConnection } from 'mysql2/promise';

/** What the checkers need of a server: a name for messages and a way in with all rights. */
export interface SqlNode {
  readonly name: string;
  connect(options?: ConnectionOptions): Promise<Connection>;
}

export type Row = Record<string, unknown>;

/** The kit's habits for a connection: text in UTC, big numbers as strings, nothing guessed. */
export function openSql(options: ConnectionOptions): Promise<Connection> {
  return createConnection({
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    connectTimeout: 20_000,
    ...options,
  });
}

export async function rowsOf(connection: Connection, sql: string, params: unknown[] = []): Promise<Row[]> {
  const [rows] = await connection.query<RowDataPacket[]>(sql, params);
  return rows;
}

/** The first column of the first row, as text; null when there is no row. */
export async function scalarOf(
  connection: Connection,
  sql: string,
  params: unknown[] = [],
): Promise<string | null> {
  const [row] = await rowsOf(connection, sql, params);
  if (!row) return null;
  const value = Object.values(row)[0];
  return value === null || value === undefined ? null : String(value);
}

export async function run(
  connection: Connection,
  sql: string,
  params: unknown[] = [],
): Promise<ResultSetHeader> {
  const [result] = await connection.query<ResultSetHeader>(sql, params);
  return result;
}

/** Runs `work` on a connection of its own and closes it whatever happens. */
export async function withSql<T>(node: SqlNode, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await node.connect();
  try {
    return await work(connection);
  } finally {
    connection.destroy();
  }
}

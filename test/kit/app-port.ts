import type { Connection, ConnectionOptions } from 'mysql2/promise';
import type { TestCluster } from './cluster.js';
import { openSql } from './sql-node.js';

/** As an application comes: account `app`, through the primary's read-write port. */
export async function openApp(cluster: TestCluster, options: ConnectionOptions = {}): Promise<Connection> {
  const { members } = await cluster.primary.cluster();
  const address = members.find(({ name }) => name === cluster.primary.name)?.mysqlRw;
  const connection = await openSql({
    host: '127.0.0.1',
    port: Number(address?.split(':')[1]),
    user: 'app',
    password: cluster.primary.password('app'),
    // mysql2 announces it unless told otherwise, and it would change the sql_mode.
    flags: ['-IGNORE_SPACE'],
    ...options,
  });
  connection.on('error', () => {});
  return connection;
}

/** The error's number, or null when the statement was executed. */
export async function attempt(connection: Connection, sql: string): Promise<number | null> {
  try {
    await connection.query(sql);
    return null;
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (typeof errno !== 'number' || errno < 0) throw error;
    return errno;
  }
}

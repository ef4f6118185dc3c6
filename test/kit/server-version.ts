import { isAtLeast } from '../../src/model/server-version.js';
import { type SqlNode, scalarOf, withSql } from './sql-node.js';

/** Whether the server under test is of this series or a later one: some of them answer otherwise, see docs/servers.md. */
export async function runsAtLeast(node: SqlNode, major: number, minor: number): Promise<boolean> {
  const version = await withSql(node, (connection) => scalarOf(connection, 'SELECT VERSION()'));
  return isAtLeast(version ?? '', major, minor);
}

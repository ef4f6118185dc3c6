import { join } from 'node:path';
import type { PlannedNode } from '../../src/cli/demo/plan.js';
import type { ClusterStatus } from '../../src/model/status.js';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { commandLineOf, readPidFile, tailOf } from '../../test/kit/processes.js';
import { openSql, rowsOf, type SqlNode, withSql } from '../../test/kit/sql-node.js';

/** The way into a node's own server, with all rights. */
export function sqlNodeOf(node: PlannedNode, secret: Buffer): SqlNode {
  return {
    name: node.name,
    connect: async (more) =>
      openSql({
        socketPath: await serverArgument(node, 'socket'),
        user: 'skein',
        password: accountPassword(secret, 'skein'),
        ...more,
      }),
  };
}

/** An option in the command line of the node's server: where it listens, for instance. */
export async function serverArgument(node: PlannedNode, name: string): Promise<string> {
  const args = await commandLineOf(await readPidFile(join(node.directory, 'server.pid')));
  const value = args.findLast((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  if (value === undefined) throw new Error(`${node.name}'s server has no --${name} in its command line`);
  return value;
}

/** For the message of a failure: what a node says of itself, its server of its threads, and the ends of all logs. */
export async function lastWords(
  node: PlannedNode,
  secret: Buffer,
  status: () => Promise<ClusterStatus>,
): Promise<string> {
  const parts = await Promise.allSettled([
    status().then((told) => JSON.stringify(told)),
    withSql(sqlNodeOf(node, secret), async (connection) =>
      JSON.stringify(await rowsOf(connection, 'SHOW SLAVE STATUS')),
    ),
    ...['node.log', 'node.out', 'server.log'].map(
      async (file) => `${file}\n${await tailOf(join(node.directory, file), 8)}`,
    ),
  ]);
  return parts
    .map((part) => (part.status === 'fulfilled' ? part.value : String(part.reason)))
    .map((text) => `--- ${node.name}: ${text}`)
    .join('\n');
}

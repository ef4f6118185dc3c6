import { Connection } from '../mysql-client/connection.js';
import { withDeadline } from '../std/timing.js';

const QUERY_TIMEOUT_MS = 5000;

export interface Account {
  readonly socketPath: string;
  readonly user: string;
  readonly password: string;
}

/** Runs one question in a session of its own. @throws what Connection.connect and its query throw */
async function askOnce({ socketPath, user, password }: Account, sql: string) {
  const connection = await Connection.connect({ address: { socketPath }, user, password });
  try {
    const answer = connection.queryRows(sql);
    return await withDeadline(answer, QUERY_TIMEOUT_MS, `The query "${sql}"`);
  } finally {
    connection.destroy();
  }
}

/** Tries a real login. A socket that accepts, or a process that lives, does not mean that the server answers. */
export async function login(
  account: Account,
): Promise<{ version: string; serverId: number; dataDir: string; readOnly: boolean }> {
  const [row] = await askOnce(
    account,
    'SELECT @@version AS version, @@global.server_id AS serverId, @@datadir AS dataDir, @@global.read_only AS readOnly',
  );
  return {
    version: String(row?.version),
    serverId: Number(row?.serverId),
    dataDir: String(row?.dataDir),
    readOnly: Number(row?.readOnly) !== 0,
  };
}

/** Only for a closed server on which nobody else has a session, because a session keeps the id with which it began. */
export async function takeServerId(account: Account, serverId: number): Promise<void> {
  await askOnce(account, `SET GLOBAL server_id = ${Math.trunc(serverId)}`);
}

/** `question`: see ServerProgram.engineTables. */
export async function tablesOfEngine(account: Account, question: string): Promise<ReadonlySet<string>> {
  const rows = await askOnce(account, question);
  return new Set(rows.map(({ name }) => String(name)));
}

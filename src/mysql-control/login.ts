import type { RowDataPacket } from 'mysql2/promise';
import { openLocalSession } from './local-session.js';

const QUERY_TIMEOUT_MS = 5000;

/** Logs in for real: a socket that accepts, or a process that lives, is not yet a server that answers. */
export async function login(
  socketPath: string,
  user: string,
  password: string,
): Promise<{ version: string; serverId: number; dataDir: string; readOnly: boolean }> {
  const connection = await openLocalSession({ socketPath, user, password });
  try {
    const [rows] = await connection.query<RowDataPacket[]>({
      sql: 'SELECT @@version AS version, @@global.server_id AS serverId, @@datadir AS dataDir, @@global.read_only AS readOnly',
      timeout: QUERY_TIMEOUT_MS,
    });
    const row = rows[0] as { version: string; serverId: number; dataDir: string; readOnly: number };
    return {
      version: row.version,
      serverId: Number(row.serverId),
      dataDir: row.dataDir,
      readOnly: Number(row.readOnly) !== 0,
    };
  } finally {
    connection.destroy();
  }
}

/** For a closed server, before anything but us has a session there: sessions keep the id that they began with. */
export async function takeServerId(
  socketPath: string,
  user: string,
  password: string,
  serverId: number,
): Promise<void> {
  const connection = await openLocalSession({ socketPath, user, password });
  try {
    await connection.query({
      sql: `SET GLOBAL server_id = ${Math.trunc(serverId)}`,
      timeout: QUERY_TIMEOUT_MS,
    });
  } finally {
    connection.destroy();
  }
}

import { createConnection, type RowDataPacket } from 'mysql2/promise';

const CONNECT_TIMEOUT_MS = 5000;

/** Logs in for real: a socket that accepts, or a process that lives, is not yet a server that answers. */
export async function login(
  socketPath: string,
  user: string,
  password: string,
): Promise<{ version: string; serverId: number; dataDir: string }> {
  const connection = await createConnection({
    socketPath,
    user,
    password,
    connectTimeout: CONNECT_TIMEOUT_MS,
  });
  try {
    const [rows] = await connection.query<RowDataPacket[]>({
      sql: 'SELECT @@version AS version, @@global.server_id AS serverId, @@datadir AS dataDir',
      timeout: CONNECT_TIMEOUT_MS,
    });
    const row = rows[0] as { version: string; serverId: number; dataDir: string };
    return { version: row.version, serverId: Number(row.serverId), dataDir: row.dataDir };
  } finally {
    connection.destroy();
  }
}

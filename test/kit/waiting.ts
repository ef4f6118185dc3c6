import type { Connection } from 'mysql2/promise';
import { type Row, rowsOf, run, type SqlNode, scalarOf, withSql } from './sql-node.js';
import { until } from './until.js';

/** How long something must not happen before a test believes that it does not. */
const STILL_MS = 400;

/** Statements that run in a session of their own while the test goes on; for commits that wait. */
export interface Started {
  /** The server's id of the session. */
  readonly id: number;
  /** Null while it runs; then 'OK', or the error's code. */
  readonly answer: () => string | null;
  /** The answer, once there is one. */
  readonly done: Promise<string>;
  readonly connection: Connection;
}

export async function start(connecting: Promise<Connection>, ...statements: string[]): Promise<Started> {
  const connection = await connecting;
  // Its server may be killed under it.
  connection.on('error', () => {});
  const id = Number(await scalarOf(connection, 'SELECT CONNECTION_ID()'));
  let answer: string | null = null;
  const done = (async () => {
    try {
      for (const sql of statements) await run(connection, sql);
      answer = 'OK';
    } catch (error) {
      answer = (error as { code?: string }).code ?? String(error);
    }
    return answer;
  })();
  return { id, answer: () => answer, done, connection };
}

/** Sessions whose commit waits for its acknowledgement, as the server's process list names it. */
export async function waitingSessions(node: SqlNode, user?: string): Promise<number[]> {
  const rows = await withSql(node, (connection) => rowsOf(connection, 'SHOW FULL PROCESSLIST'));
  const waits = (row: Row) => /semi-sync ACK/i.test(String(row.State)) && (!user || row.User === user);
  return rows.filter(waits).map((row) => Number(row.Id));
}

/** Waits until this session is the one that waits for its acknowledgement. */
export async function untilWaiting(node: SqlNode, id: number): Promise<void> {
  await until(`session ${id} of ${node.name} waits for its acknowledgement`, async () =>
    (await waitingSessions(node)).includes(id),
  );
}

/** True when there is no answer now nor in a moment. */
export async function stillWaits(started: Started): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, STILL_MS));
  return started.answer() === null;
}

/** The semi-sync counters by their short names: status, clients, no_tx, yes_tx, wait_sessions ... */
export async function semiSync(node: SqlNode): Promise<Record<string, string>> {
  const rows = await withSql(node, (connection) =>
    rowsOf(connection, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_%'"),
  );
  return Object.fromEntries(
    rows.map((row) => [
      String(row.Variable_name).toLowerCase().replace('rpl_semi_sync_master_', ''),
      String(row.Value),
    ]),
  );
}

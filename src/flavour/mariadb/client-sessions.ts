/** What the node says in sessions of clients, and in its own ones beside them. */
import { sqlText } from '../../mysql-client/sql-text.js';
import type { ClientSession, LastWritten } from '../server-sql.js';

/** With NOWAIT the server refuses at once what another transaction has locked (ServerErrors.isLockWait). */
export const SHARED_LOCK_NO_WAIT = 'LOCK IN SHARE MODE NOWAIT';

/** Sent when it is called, so that it can leave together with what is before it. */
export async function lastWritten(session: ClientSession): Promise<LastWritten> {
  const [gtid, database] = await session.ask('SELECT @@last_gtid, DATABASE()');
  return { gtid: gtid ?? '', database: database ?? null };
}

export async function branchNames(session: ClientSession): Promise<string[]> {
  const branches = await session.query("XA RECOVER FORMAT='SQL'");
  return branches.map(([, , , name]) => String(name));
}

/** The names are asked for as texts, so that the server looks up these tables only; it may find `T` for `t`. */
export async function areOrdinaryTables(
  session: ClientSession,
  tables: readonly { readonly database: string; readonly table: string }[],
): Promise<boolean> {
  const found = await Promise.all(
    tables.map(({ database, table }) =>
      session.query(
        `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${sqlText(database)} AND TABLE_NAME = ${sqlText(table)} AND TABLE_TYPE = 'BASE TABLE' AND ENGINE = 'InnoDB'`,
      ),
    ),
  );
  return tables.every(({ database, table }, i) =>
    found[i]?.some(([schema, name]) => schema === database && name === table),
  );
}

/** Repairs the node's own accounts on its server, without logging it; see accounts.ts and account-logins.ts. */
import type { Query, ServerSql } from '../flavour/server-sql.js';
import { changedLogins, LOGINS_QUERY } from './account-logins.js';
import { accountStatements, writerStatements } from './accounts.js';

/**
 * Restores all accounts with their rights, when an account is missing or lacks a right.
 */
async function repairAccounts(query: Query, secret: Buffer, sql: ServerSql): Promise<void> {
  const { readOnly } = await sql.serverReading(query);
  for (const text of [...accountStatements(secret), ...writerStatements(!readOnly)]) await query(text);
}

/** Repairs the logins of the accounts, and returns those that differed. Open sessions go on. */
export async function repairLogins(query: Query, secret: Buffer, sql: ServerSql): Promise<string[]> {
  const rows = await query(LOGINS_QUERY);
  const changed = changedLogins(secret, rows);
  const isMissing = ({ account }: { account: string }) =>
    !rows.some((row) => `'${row.user}'@'${row.host}'` === account);
  if (changed.some(isMissing)) await repairAccounts(query, secret, sql);
  else for (const { sql: text } of changed) await query(text);
  return changed.map(({ account }) => account);
}

/** Repairs the node's own accounts on its server, without logging it; see accounts.ts and account-logins.ts. */
import { changedLogins, LOGINS_QUERY } from './account-logins.js';
import { accountStatements, writerStatements } from './accounts.js';
import type { Query } from './control-sessions.js';
import { serverReading } from './server-status.js';

/**
 * Restores all accounts with their rights, when an account is missing or lacks a right.
 */
async function repairAccounts(query: Query, secret: Buffer): Promise<void> {
  const { readOnly } = await serverReading(query);
  for (const sql of accountStatements(secret)) await query(sql);
  for (const sql of writerStatements(!readOnly)) await query(sql);
}

/** Repairs the logins of the accounts, and returns those that differed. Open sessions go on. */
export async function repairLogins(query: Query, secret: Buffer): Promise<string[]> {
  const rows = await query(LOGINS_QUERY);
  const changed = changedLogins(secret, rows);
  const isMissing = ({ account }: { account: string }) =>
    !rows.some((row) => `'${row.user}'@'${row.host}'` === account);
  if (changed.some(isMissing)) await repairAccounts(query, secret);
  else for (const { sql } of changed) await query(sql);
  return changed.map(({ account }) => account);
}

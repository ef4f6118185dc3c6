/** Puts the node's own accounts on its server right, past the log; see accounts.ts and account-logins.ts. */
import { changedLogins, LOGINS_QUERY } from './account-logins.js';
import { accountStatements, writerStatements } from './accounts.js';
import type { Query } from './control-sessions.js';
import { serverReading } from './server-status.js';

/**
 * Gives the accounts back what they should be, rights included: for an account that is missing, or may not do what it
 * must.
 */
async function repairAccounts(query: Query, secret: Buffer): Promise<void> {
  const { readOnly } = await serverReading(query);
  for (const sql of accountStatements(secret)) await query(sql);
  for (const sql of writerStatements(!readOnly)) await query(sql);
}

/** Puts right how the accounts log in; gives those that were otherwise. Sessions that are there go on. */
export async function repairLogins(query: Query, secret: Buffer): Promise<string[]> {
  const rows = await query(LOGINS_QUERY);
  const changed = changedLogins(secret, rows);
  const isMissing = ({ account }: { account: string }) =>
    !rows.some((row) => `'${row.user}'@'${row.host}'` === account);
  if (changed.some(isMissing)) await repairAccounts(query, secret);
  else for (const { sql } of changed) await query(sql);
  return changed.map(({ account }) => account);
}

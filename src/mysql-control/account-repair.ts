/** Repairs the node's own accounts on its server, without logging it; see AccountsSql. */
import type { AccountName } from '../flavour/accounts.js';
import type { Flavour } from '../flavour/flavour.js';
import type { Query } from '../flavour/server-sql.js';
import { accountPassword } from './accounts.js';

type Says = Pick<Flavour, 'sql' | 'accounts'>;

const passwordsOf = (secret: Buffer) => (name: AccountName) => accountPassword(secret, name);

/**
 * Restores all accounts with their rights, when an account is missing or lacks a right.
 */
async function repairAccounts(query: Query, secret: Buffer, { sql, accounts }: Says): Promise<void> {
  const { readOnly } = await sql.serverReading(query);
  const texts = [...accounts.accountStatements(passwordsOf(secret)), ...accounts.writerStatements(!readOnly)];
  for (const text of texts) await query(text);
}

/** Repairs the logins of the accounts, and returns those that differed. Open sessions go on. */
export async function repairLogins(query: Query, secret: Buffer, flavour: Says): Promise<string[]> {
  const { loginsQuery, changedLogins } = flavour.accounts;
  const rows = await query(loginsQuery);
  const changed = changedLogins(passwordsOf(secret), rows);
  const isMissing = ({ account }: { account: string }) =>
    !rows.some((row) => `'${row.user}'@'${row.host}'` === account);
  if (changed.some(isMissing)) await repairAccounts(query, secret, flavour);
  else for (const { sql: text } of changed) await query(text);
  return changed.map(({ account }) => account);
}

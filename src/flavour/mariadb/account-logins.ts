/**
 * Compares the logins of the node's accounts with what they must be. Every account of MariaDB may change its own password on
 * an open primary. The change is logged and reaches every node: SET PASSWORD in a client's text, a procedure, an event. The
 * server cannot forbid it (a plugin that refuses passwords is not part of every installation). So each node checks
 * periodically, and repairs logins without logging it. Pure.
 */
import type { ChangedLogin, PasswordOf } from '../accounts.js';
import { ACCOUNTS, nativeHash } from './accounts.js';

const PLUGIN = 'mysql_native_password';

export const LOGINS_QUERY = `SELECT User AS user, Host AS host, JSON_VALUE(Priv, '$.plugin') AS plugin,
  JSON_VALUE(Priv, '$.authentication_string') AS hash, JSON_EXTRACT(Priv, '$.auth_or') AS others,
  JSON_VALUE(Priv, '$.account_locked') AS locked FROM mysql.global_priv
  WHERE User IN (${[...new Set(ACCOUNTS.map(({ name }) => `'${name}'`))].join(', ')})`;

/** Returns the accounts whose login differs from what it must be. `rows`: the answer to LOGINS_QUERY. */
export function changedLogins(
  passwordOf: PasswordOf,
  rows: readonly Readonly<Record<string, unknown>>[],
): ChangedLogin[] {
  const found = new Map(rows.map((row) => [`'${row.user}'@'${row.host}'`, row]));
  return ACCOUNTS.flatMap(({ name, host }) => {
    const account = `'${name}'@'${host}'`;
    const hash = nativeHash(passwordOf(name));
    const row = found.get(account);
    const isRight = row?.plugin === PLUGIN && row.hash === hash && row.others == null && !isTrue(row.locked);
    if (isRight) return [];
    return [{ account, sql: `ALTER USER ${account} IDENTIFIED BY PASSWORD '${hash}' ACCOUNT UNLOCK` }];
  });
}

/** JSON_VALUE's text for true. */
function isTrue(value: unknown): boolean {
  return value === 'true' || value === '1' || value === 1;
}

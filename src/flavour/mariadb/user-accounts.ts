import { databasePattern, type User } from '../../model/user.js';
import { type AccountRows, type AccountsPlan, READ_ONLY_PORT_ADDRESS, type UserChange } from '../accounts.js';
import type { SqlQuery } from '../server-sql.js';
import { ACCOUNTS, DUMP_ON_REPLICA, HIDDEN, nativeHash, READ, WRITE } from './accounts.js';

const WRITER_HOST = '127.0.0.1';
const HOSTS = `('${WRITER_HOST}', '${READ_ONLY_PORT_ADDRESS}')`;

/** `CREATE TEMPORARY TABLES` -> `Create_tmp_table_priv` */
function privilegeColumns(list: string): string[] {
  const columns = list.split(', ').map((privilege) => {
    if (privilege === 'CREATE TEMPORARY TABLES') return 'Create_tmp_table_priv';
    const words = privilege.toLowerCase().replaceAll(' ', '_');
    return `${words.charAt(0).toUpperCase()}${words.slice(1)}_priv`;
  });
  return columns.sort();
}

/**
 * @param open  the server is an open primary's. On a replica a writer lacks INSERT (rule H13), and an account that is being
 *   dropped stays as a name without rights,
 * because the log may still hold a SET PASSWORD of it.
 */
export function wantedAccounts(
  users: readonly User[],
  { passwordOf, open }: { passwordOf: (user: User) => string; open: boolean },
): AccountRows[] {
  const there = open ? users.filter(({ dropped }) => !dropped) : users;
  return there.flatMap((user) => {
    const { name, dropped: locked } = user;
    const hash = nativeHash(passwordOf(user));
    const writes = privilegeColumns(WRITE).filter((column) => open || column !== 'Insert_priv');
    const at = (host: string, columns: readonly string[]): AccountRows => {
      const databases = new Map<string, readonly string[]>();
      if (!locked && user.databases) {
        for (const database of user.databases) databases.set(databasePattern(database), columns);
      } else if (!locked) {
        databases.set('%', columns);
        for (const database of HIDDEN) databases.set(database, []);
      }
      return { name, host, hash, locked, seesRoutines: !locked && user.databases === null, databases };
    };
    const reads = privilegeColumns(READ);
    const dumps = open ? reads : privilegeColumns(`${READ}, ${DUMP_ON_REPLICA}`);
    // In this order: the first account marks the name as Skein's.
    const reader = at(READ_ONLY_PORT_ADDRESS, dumps);
    // At the other address a reader could write through a view of a writer: only sessions of the read-only ports are read-only.
    return user.role === 'write' ? [reader, at(WRITER_HOST, writes)] : [reader];
  });
}

export function planAccounts(wanted: readonly AccountRows[], found: readonly AccountRows[]): AccountsPlan {
  const statements: string[] = [];
  const changes = new Map<string, UserChange['what']>();
  const foundByKey = new Map(found.map((account) => [keyOf(account), account]));
  const wantedKeys = new Set(wanted.map(keyOf));
  for (const account of wanted) {
    const now = foundByKey.get(keyOf(account));
    if (now && sameAccount(account, now)) continue;
    statements.push(...statementsFor(account));
    changes.set(account.name, changeOf(account, now, changes.get(account.name)));
  }
  const ours = new Set([
    ...found.filter(({ host }) => host === READ_ONLY_PORT_ADDRESS).map(({ name }) => name),
    ...wanted.map(({ name }) => name),
  ]);
  // The account that marks the name is removed last.
  const gone = found.filter((account) => ours.has(account.name) && !wantedKeys.has(keyOf(account)));
  for (const account of gone.sort((a, b) => (a.host < b.host ? -1 : 1))) {
    statements.push(...removal(account));
    changes.set(account.name, 'dropped');
  }
  return {
    statements,
    changes: [...changes].map(([name, what]) => ({ name, what })),
  };
}

function changeOf(
  wanted: AccountRows,
  found: AccountRows | undefined,
  before: UserChange['what'] | undefined,
): UserChange['what'] {
  if (wanted.locked) return 'dropped';
  if (!found || before === 'made') return 'made';
  return found.hash !== wanted.hash || before === 'password' ? 'password' : 'rights';
}

function keyOf({ name, host }: AccountRows): string {
  return `${name}@${host}`;
}

function sameAccount(a: AccountRows, b: AccountRows): boolean {
  if (a.hash !== b.hash || a.locked !== b.locked || a.seesRoutines !== b.seesRoutines) return false;
  if (a.databases.size !== b.databases.size) return false;
  return [...a.databases].every(([pattern, columns]) => b.databases.get(pattern)?.join() === columns.join());
}

function statementsFor(account: AccountRows): string[] {
  const { name, host, hash, locked, seesRoutines, databases } = account;
  const who = `Host = ${text(host)}, User = ${text(name)}`;
  return [
    `REPLACE INTO mysql.global_priv (Host, User, Priv) VALUES (${text(host)}, ${text(name)}, JSON_OBJECT('access', 0, 'plugin', 'mysql_native_password', 'authentication_string', ${text(hash)}${locked ? ", 'account_locked', true" : ''}))`,
    `DELETE FROM mysql.db WHERE Host = ${text(host)} AND User = ${text(name)}`,
    `DELETE FROM mysql.tables_priv WHERE Host = ${text(host)} AND User = ${text(name)}`,
    ...(seesRoutines
      ? [`INSERT INTO mysql.tables_priv SET ${who}, Db = 'mysql', Table_name = 'proc', Table_priv = 'Select'`]
      : []),
    ...[...databases].map(
      ([pattern, columns]) =>
        `INSERT INTO mysql.db SET ${who}, Db = ${text(pattern)}${columns.map((column) => `, ${column} = 'Y'`).join('')}`,
    ),
  ];
}

/** The tables that may hold rows of an account. */
const PRIVILEGE_TABLES = ['db', 'tables_priv', 'columns_priv', 'procs_priv', 'global_priv'];

function removal({ name, host }: AccountRows): string[] {
  return PRIVILEGE_TABLES.map(
    (table) => `DELETE FROM mysql.${table} WHERE Host = ${text(host)} AND User = ${text(name)}`,
  );
}

/** A string literal that is valid in any sql_mode. */
function text(value: string): string {
  return value === '' ? "''" : `CONVERT(_binary x'${Buffer.from(value).toString('hex')}' USING utf8mb3)`;
}

/** The server's accounts at our two addresses, except those of accounts.ts. */
export async function readAccounts(query: SqlQuery): Promise<AccountRows[]> {
  const fixed = new Set(ACCOUNTS.map(({ name, host }) => `${name}@${host}`));
  const databases = new Map<string, Map<string, readonly string[]>>();
  for (const row of await query(`SELECT * FROM mysql.db WHERE Host IN ${HOSTS}`)) {
    const key = `${row.User}@${row.Host}`;
    const granted = Object.keys(row).filter((column) => column.endsWith('_priv') && row[column] === 'Y');
    const ofAccount = databases.get(key) ?? new Map<string, readonly string[]>();
    databases.set(key, ofAccount.set(String(row.Db), granted.sort()));
  }
  const readers = await query(
    `SELECT Host, User FROM mysql.tables_priv WHERE Host IN ${HOSTS} AND Db = 'mysql' AND Table_name = 'proc' AND Table_priv = 'Select'`,
  );
  const seeRoutines = new Set(readers.map(({ Host, User }) => `${User}@${Host}`));
  // As text, because drivers parse values that the server marks as JSON.
  const rows = await query(
    `SELECT Host, User, CONCAT(Priv, '') AS Priv FROM mysql.global_priv WHERE Host IN ${HOSTS}`,
  );
  return rows.flatMap((row) => {
    const [name, host] = [String(row.User), String(row.Host)];
    const key = `${name}@${host}`;
    if (fixed.has(key)) return [];
    return [
      {
        name,
        host,
        ...privOf(String(row.Priv)),
        seesRoutines: seeRoutines.has(key),
        databases: databases.get(key) ?? new Map(),
      },
    ];
  });
}

/** Skein gives accounts no global privileges and no other login method; such an account gets a hash that is never right. */
function privOf(json: string): { hash: string; locked: boolean } {
  const priv = JSON.parse(json) as Record<string, unknown>;
  const isPlain =
    priv.plugin === 'mysql_native_password' && (priv.access ?? 0) === 0 && priv.auth_or === undefined;
  return { hash: isPlain ? String(priv.authentication_string) : '', locked: priv.account_locked === true };
}

export function sessionsQuery(names: readonly string[]): string {
  return `SELECT id, host, @@global.read_only AS closed FROM information_schema.processlist WHERE user IN (${names.map(text).join(', ')})`;
}

import { createHash } from 'node:crypto';
import { isAtLeast } from '../../model/server-version.js';
import { type AccountName, type PasswordOf, READ_ONLY_PORT_ADDRESS } from '../accounts.js';

/**
 * How an account gets everything but the system schemas (seen on MariaDB 10.11): a global privilege would cover `mysql` and
 * `skein`, and cannot be revoked for some schemas. So accounts get no global privileges. A database grant on the pattern `%`
 * matches every schema. When several rows match, the server does not add them up: it uses the most exact one. So a row for
 * the exact name `mysql` without any privilege hides the pattern. GRANT cannot make such a row, because USAGE on a database
 * stores nothing. Skein inserts it into mysql.db, and the server reads it like any other row.
 *
 * Every account of MariaDB can do this without a privilege: SET PASSWORD for itself (on an open primary; the change is
 * logged and reaches all nodes: see account-logins.ts), KILL of its own account's sessions, and setting session variables
 * that do no harm.
 */
interface Account {
  readonly name: AccountName;
  /** `localhost` means the unix socket, because the server resolves no names: TCP clients have the host 127.0.0.1. */
  readonly host: 'localhost' | '127.0.0.1' | '127.0.0.2';
  readonly globally: string;
  /** Privileges on the pattern `%`, that is, on every schema except those of HIDDEN. */
  readonly everywhere: string;
  /** Privileges on the schema `skein`. */
  readonly system: string;
}

/**
 * The server executes this at each login (`init_connect`). Privileges alone do not keep a reader from writing, because a
 * SELECT from a view may run a function with the rights of its definer (seen on 10.11). In a read-only transaction that
 * fails with 1792. A session can turn this off (SET SESSION TRANSACTION READ WRITE), and then only its privileges limit it:
 * MariaDB cannot bind an account to read-only transactions. After a reset of a session the port sends the statement again.
 */
export function readOnlySessions(serverVersion: string): string {
  // From 11.1 on, the older name leaves a warning in every session, which a client would see.
  const variable = isAtLeast(serverVersion, 11, 1) ? 'transaction_read_only' : 'tx_read_only';
  return `SET SESSION ${variable} = USER() LIKE '%@${READ_ONLY_PORT_ADDRESS}'`;
}

export const READ = 'SELECT, SHOW VIEW';
/**
 * With EXECUTE a reader runs routines whose definers have more rights. Over HTTP this is safe: every statement of a read
 * token runs in a READ ONLY transaction, and CALL and compound statements are refused (sql/guard.ts). Functions remain; they
 * cannot end that transaction (1422, 1445), so they cannot write (1792), whatever they set or call
 * (test/system/sql-rights.test.ts). The read-only MySQL ports have no such transaction around a statement, so a procedure
 * could COMMIT and write. Therefore their accounts do not get EXECUTE.
 */
const READ_IN_TRANSACTION = `${READ}, EXECUTE`;
export const WRITE =
  'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER, DELETE HISTORY';

const WRITERS = [
  ['skein_write', 'localhost'],
  ['skein_admin', 'localhost'],
  ['app', '127.0.0.1'],
] as const;

/**
 * The writing accounts lose INSERT while their server is a replica, and get it back when it opens as the primary. The reason
 * is ANALYZE, which needs INSERT: for a table that does not exist it is not stopped by read_only, and writes a GTID of its
 * own into the binary log (seen on MariaDB 10.11, rule H13). Clients see no difference, because the server refuses real
 * writes because of read_only before it checks privileges.
 */
export function writerStatements(open: boolean): string[] {
  const statements = WRITERS.map(([name, host]) =>
    open
      ? `GRANT INSERT ON \`%\`.* TO '${name}'@'${host}'`
      : `REVOKE INSERT ON \`%\`.* FROM '${name}'@'${host}'`,
  );
  return [...statements, ...dumperStatements(open), ...(open ? outcomeStatements() : [])];
}

/**
 * Further privileges that `mariadb-dump` needs. A replica is read-only for every account. On an open primary the account of
 * the read-only port loses these two, because it could write with them. It also gets SELECT on mysql.proc, because a dump
 * would otherwise lack the bodies of other users' routines.
 */
export const DUMP_ON_REPLICA = 'TRIGGER, EVENT';

function dumperStatements(open: boolean): string[] {
  const reader = `'app'@'${READ_ONLY_PORT_ADDRESS}'`;
  const rows = ['127.0.0.1', READ_ONLY_PORT_ADDRESS].map(
    (host) => `('${host}', 'mysql', 'app', 'proc', '', 'Select', '')`,
  );
  return [
    open
      ? `REVOKE ${DUMP_ON_REPLICA} ON \`%\`.* FROM ${reader}`
      : `GRANT ${DUMP_ON_REPLICA} ON \`%\`.* TO ${reader}`,
    `REPLACE INTO mysql.tables_priv (Host, Db, User, Table_name, Grantor, Table_priv, Column_priv) VALUES ${rows.join(', ')}`,
    'FLUSH LOCAL PRIVILEGES',
  ];
}

/**
 * HTTP's writing accounts store the outcome of a write with an idempotency key in the write's own transaction. In that table
 * they may only INSERT; they can neither read nor change its rows (see sql/outcomes.ts). GRANT would need the table to exist
 * already, so the grant's row is inserted instead.
 */
function outcomeStatements(): string[] {
  const rows = WRITERS.filter(([name]) => name !== 'app').map(
    ([name, host]) => `('${host}', 'skein', '${name}', 'outcomes', '', 'Insert', '')`,
  );
  return [
    `REPLACE INTO mysql.tables_priv (Host, Db, User, Table_name, Grantor, Table_priv, Column_priv) VALUES ${rows.join(', ')}`,
    'FLUSH LOCAL PRIVILEGES',
  ];
}

/** Schemas that are hidden from an account that has no privilege in them. */
export const HIDDEN = ['mysql', 'sys', 'skein'];

/**
 * No account of clients has CREATE USER, because `admin` could use it to change the password of `skein` and log in as it.
 * PROCESS shows statements of other users and the state of the engine, and changes nothing.
 */
export const ACCOUNTS: readonly Account[] = [
  { name: 'skein', host: 'localhost', globally: 'ALL PRIVILEGES', everywhere: '', system: '' },
  {
    name: 'skein_repl',
    host: 'localhost',
    globally: 'REPLICATION SLAVE, BINLOG MONITOR, SLAVE MONITOR',
    everywhere: '',
    system: '',
  },
  { name: 'skein_read', host: 'localhost', globally: '', everywhere: READ_IN_TRANSACTION, system: '' },
  { name: 'skein_write', host: 'localhost', globally: '', everywhere: WRITE, system: '' },
  {
    name: 'skein_admin',
    host: 'localhost',
    globally: 'PROCESS, SHOW DATABASES',
    everywhere: WRITE,
    system: 'SELECT',
  },
  { name: 'app', host: '127.0.0.1', globally: '', everywhere: WRITE, system: '' },
  // The same name and password for sessions through a read-only port, which may only read, on any node.
  { name: 'app', host: READ_ONLY_PORT_ADDRESS, globally: '', everywhere: READ, system: '' },
];

/** The hash that mysql_native_password stores. With it the SQL contains no clear password, which a log could show. */
export function nativeHash(password: string): string {
  const sha1 = (data: Buffer | string) => createHash('sha1').update(data).digest();
  return `*${sha1(sha1(password)).toString('hex').toUpperCase()}`;
}

/**
 * SQL that creates or repairs the accounts, whatever exists before. It is for `--bootstrap`, and for a session of `skein` with
 * sql_log_bin=0. Each statement is one line, as `--bootstrap` needs it. It does not change other accounts.
 */
export function accountStatements(passwordOf: PasswordOf): string[] {
  return ACCOUNTS.flatMap((account) => {
    const who = `'${account.name}'@'${account.host}'`;
    const where = `Host='${account.host}' AND User='${account.name}'`;
    const statements = [
      `CREATE USER IF NOT EXISTS ${who} IDENTIFIED BY PASSWORD '${nativeHash(passwordOf(account.name))}'`,
      `ALTER USER ${who} IDENTIFIED BY PASSWORD '${nativeHash(passwordOf(account.name))}'`,
      // REVOKE does not find rows that were inserted by hand, so they are deleted first.
      `DELETE FROM mysql.db WHERE ${where}`,
      'FLUSH LOCAL PRIVILEGES',
      `REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${who}`,
    ];
    if (account.globally !== '') {
      const option = account.name === 'skein' ? ' WITH GRANT OPTION' : '';
      statements.push(`GRANT ${account.globally} ON *.* TO ${who}${option}`);
    }
    if (account.everywhere === '') return statements;
    statements.push(`GRANT ${account.everywhere} ON \`%\`.* TO ${who}`);
    if (account.system !== '') statements.push(`GRANT ${account.system} ON \`skein\`.* TO ${who}`);
    for (const schema of HIDDEN) {
      if (schema === 'skein' && account.system !== '') continue;
      statements.push(
        `INSERT INTO mysql.db (Host, Db, User) VALUES ('${account.host}', '${schema}', '${account.name}')`,
      );
    }
    statements.push('FLUSH LOCAL PRIVILEGES');
    return statements;
  });
}

import { createHash, createHmac } from 'node:crypto';

/**
 * The accounts of a managed server. Their passwords are derived from the cluster secret, so that every node knows
 * them and none is stored; all nodes make the same accounts for themselves, without writing to the binary log.
 *
 * How a role gets everything but the system schemas (seen on MariaDB 10.11): global privileges would cover `mysql` and
 * `skein` and cannot be revoked for a part. So no account gets global ones. A database grant on the pattern `%` matches
 * every schema, but of several rows the server takes the first that matches in the order of their exactness and does
 * not add them up: a row for the exact name `mysql` with no privilege at all hides the pattern. GRANT cannot make such
 * a row (USAGE on a database stores nothing), so it is inserted into mysql.db; the server reads it like any other.
 *
 * What every account of MariaDB can do without privileges: SET PASSWORD for itself (on an open primary; it is
 * logged and reaches all nodes: see account-logins.ts), KILL of its own account's sessions, and harmless session variables.
 */
export type AccountName = 'skein' | 'skein_repl' | 'skein_read' | 'skein_write' | 'skein_admin' | 'app';

interface Account {
  readonly name: AccountName;
  /** `localhost` is reached through the unix socket only: names are not resolved, TCP clients are 127.0.0.1. */
  readonly host: 'localhost' | '127.0.0.1' | '127.0.0.2';
  readonly globally: string;
  /** On the pattern `%`, that is on every schema but those of HIDDEN. */
  readonly everywhere: string;
  /** On the schema `skein`. */
  readonly system: string;
}

/**
 * The read-only MySQL ports dial the server from this address, all other TCP clients from 127.0.0.1. To the server it
 * is part of the account, so it gives the client another set of privileges: nothing that a client sends, COM_CHANGE_USER
 * included, makes a writer of a session that came through such a port.
 */
export const READ_ONLY_PORT_ADDRESS = '127.0.0.2';

/**
 * What the server executes for each session when it logs in. Privileges alone do not keep a reader from writing: a SELECT
 * from a view runs a function with the rights of its definer, who may write (seen on 10.11). In a read-only transaction
 * that fails with 1792. A session can turn it off (SET SESSION TRANSACTION READ WRITE), then only privileges hold; MariaDB
 * has nothing that binds an account. The server does not do it again when a session is reset: there the port does it.
 */
export const READ_ONLY_SESSIONS = `SET SESSION tx_read_only = USER() LIKE '%@${READ_ONLY_PORT_ADDRESS}'`;

export const READ = 'SELECT, SHOW VIEW';
/**
 * With EXECUTE a reader runs routines of definers with more rights. Over HTTP every statement of a read token runs
 * in a READ ONLY transaction, and CALL and compound statements are refused (sql/guard.ts): what is left are functions,
 * which cannot end that transaction (1422, 1445) and so cannot write (1792), whatever they set or call
 * (test/system/sql-rights.test.ts). The read-only MySQL ports have no such transaction around a statement: a procedure could
 * COMMIT and write there, so they do not get EXECUTE.
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
 * INSERT is taken from the writing accounts while their server is a replica, and given back when it opens as primary:
 * seen on MariaDB 10.11, ANALYZE of a table that does not exist gets past read_only and into the binary log, a GTID
 * that is not the cluster's (rule H13), and ANALYZE needs INSERT. Real writes are refused for read_only before
 * privileges are looked at, so a client sees no difference.
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
 * What `mariadb-dump` needs beside READ. TRIGGER and EVENT would let a reader write through the read-only port of an open
 * primary; a replica is read-only for every account. Without the rights on others' routines a dump would lack their bodies.
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
 * HTTP's writing accounts store the outcome of a write with an idempotency key in the same transaction: they may INSERT
 * into that one table, and nothing else; to see or change a row of it takes more (see sql/outcomes.ts). GRANT wants
 * the table to be there already; the row that it would write does not.
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

/** Schemas that a role sees nothing of unless it is granted something in them. */
export const HIDDEN = ['mysql', 'sys', 'skein'];

/**
 * None of the client roles has CREATE USER: with it `admin` could give `skein` another password and so become it.
 * PROCESS shows statements of others and the engine's state, and changes nothing.
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
  // The same name and password through a read-only port: a session from there may only read, on any node.
  { name: 'app', host: READ_ONLY_PORT_ADDRESS, globally: '', everywhere: READ, system: '' },
];

/**
 * The password of an account, or of the endpoint (`skein_endpoint`), in a cluster with this secret. `skein_outcomes` is no
 * account: it is the key by which outcomes are named and sealed, which no client may know.
 */
export function accountPassword(
  secret: Buffer,
  name: AccountName | 'skein_endpoint' | 'skein_outcomes',
): string {
  return createHmac('sha256', secret).update(`account:${name}`).digest('base64url');
}

/** The password of an application's account; another one with each salt. */
export function userPassword(secret: Buffer, { name, salt }: { name: string; salt: string }): string {
  return createHmac('sha256', secret).update(`user:${name}:${salt}`).digest('base64url');
}

/** What mysql_native_password keeps: the SQL then holds no clear password that a log could show. */
export function nativeHash(password: string): string {
  const sha1 = (data: Buffer | string) => createHash('sha1').update(data).digest();
  return `*${sha1(sha1(password)).toString('hex').toUpperCase()}`;
}

/**
 * SQL that creates or repairs the accounts, whatever exists: for `--bootstrap`, and for a session of `skein`
 * with sql_log_bin=0. Each statement is one line, as `--bootstrap` wants it. Other accounts are left as they are.
 */
export function accountStatements(secret: Buffer): string[] {
  return ACCOUNTS.flatMap((account) => {
    const who = `'${account.name}'@'${account.host}'`;
    const where = `Host='${account.host}' AND User='${account.name}'`;
    const statements = [
      `CREATE USER IF NOT EXISTS ${who} IDENTIFIED BY PASSWORD '${nativeHash(accountPassword(secret, account.name))}'`,
      `ALTER USER ${who} IDENTIFIED BY PASSWORD '${nativeHash(accountPassword(secret, account.name))}'`,
      // Before the revoke, which does not find what was inserted by hand.
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

/** Runs at the end of the template: removes the accounts that the server's own SQL creates for a fresh installation. */
export const REMOVE_TEMPLATE_ACCOUNTS: readonly string[] = [
  // mariadb.sys is locked and has no password: the definer of the server's own views.
  "DELETE FROM mysql.global_priv WHERE NOT (User='mariadb.sys' AND Host='localhost')",
  "DELETE FROM mysql.db WHERE User<>'mariadb.sys'",
  "DELETE FROM mysql.tables_priv WHERE User<>'mariadb.sys'",
  'DELETE FROM mysql.proxies_priv',
];

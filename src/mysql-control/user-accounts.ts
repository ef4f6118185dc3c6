import { loadUsers } from '../auth/user-table.js';
import { databasePattern, type User } from '../model/user.js';
import { ERRNO, errnoOf } from '../mysql-protocol/errno.js';
import {
  ACCOUNTS,
  DUMP_ON_REPLICA,
  HIDDEN,
  nativeHash,
  READ,
  READ_ONLY_PORT_ADDRESS,
  userPassword,
  WRITE,
} from './accounts.js';

/**
 * The accounts of applications on one server. The replicated table `skein.users` lists them. Each node makes them on its own
 * server, without logging it: an account from the log could be lost in a crash (the privilege tables are Aria's), and account
 * DDL that is executed twice stops a replica. All rows of the privilege tables are written first and then loaded together, so
 * no session loses its rights meanwhile.
 *
 * An account of role `write` is two accounts of the server: one for the read-write ports, one for the read-only ports (see
 * accounts.ts). One of role `read` has only the second. Only Skein makes accounts at that second address, so they show which
 * names are Skein's when the row in the table is gone.
 */
export type SqlRow = Readonly<Record<string, unknown>>;
export type SqlQuery = (sql: string) => Promise<readonly SqlRow[]>;

export interface UserChange {
  readonly name: string;
  readonly what: 'made' | 'password' | 'rights' | 'dropped';
}

const WRITER_HOST = '127.0.0.1';
const HOSTS = `('${WRITER_HOST}', '${READ_ONLY_PORT_ADDRESS}')`;

/** One account as the privilege tables hold it; texts, so that two can be compared. */
export interface AccountRows {
  readonly name: string;
  readonly host: string;
  readonly hash: string;
  readonly locked: boolean;
  /** Sees the bodies of all routines, without which a dump would lack them. */
  readonly seesRoutines: boolean;
  /** For each pattern, the names of the columns that contain Y. */
  readonly databases: ReadonlyMap<string, readonly string[]>;
}

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
  { secret, open }: { secret: Buffer; open: boolean },
): AccountRows[] {
  const there = open ? users.filter(({ dropped }) => !dropped) : users;
  return there.flatMap((user) => {
    const { name, dropped: locked } = user;
    const hash = nativeHash(userPassword(secret, user));
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

/** The statements that turn the accounts that exist into the wanted ones, and the changes. Pure; empty = nothing to do. */
export function planAccounts(
  wanted: readonly AccountRows[],
  found: readonly AccountRows[],
): { readonly statements: string[]; readonly changes: UserChange[] } {
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
async function readAccounts(query: SqlQuery): Promise<AccountRows[]> {
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

/** A session of an account, by what the server knows of its client. */
export interface UserSession {
  readonly address: string;
  readonly port: number;
}

export interface Reconciled {
  readonly changes: readonly UserChange[];
  /** The table had not changed: the account was changed on the server from outside. */
  readonly restored: boolean;
}

export class UserAccounts {
  readonly #secret: Buffer;
  readonly #query: SqlQuery;
  #opening = false;
  /** The state of table and server for which the accounts were last brought up to date; null = not yet. */
  #key: string | null = null;
  /** The server has loaded its privilege tables; an earlier attempt, or an earlier node, may have failed before that. */
  #isLoaded = false;
  /** Changes that were begun and are not yet returned to a caller. */
  #begun: readonly UserChange[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** @param query  in a session whose statements are not logged */
  constructor(options: { secret: Buffer }, modules: { query: SqlQuery }) {
    this.#secret = options.secret;
    this.#query = modules.query;
  }

  /** For another server, or another state of it: everything is compared again. */
  forget(): void {
    this.#key = null;
    this.#isLoaded = false;
  }

  /** While `open` runs, the accounts get the rights of an open primary, although the server is read-only until `open` ends. */
  async whileOpening(open: () => Promise<void>): Promise<void> {
    this.#opening = true;
    try {
      await this.reconcile();
      await open();
    } finally {
      this.#opening = false;
    }
  }

  /**
   * Brings the accounts in line with the table; calls run one after the other.
   * @param options.ifChanged  only when the table has changed, or the server was opened or closed
   */
  reconcile(options: { ifChanged?: boolean } = {}): Promise<Reconciled> {
    const reconciled = this.#last.then(() => this.#reconcile(options.ifChanged ?? false));
    this.#last = reconciled.catch(() => {});
    return reconciled;
  }

  async #reconcile(ifChanged: boolean): Promise<Reconciled> {
    const users = await loadUsers({ query: this.#query });
    if (users === null) return { changes: [], restored: false };
    const [row] = await this.#query('SELECT @@global.read_only AS closed');
    const open = this.#opening || Number(row?.closed) === 0;
    const key = JSON.stringify([open, users]);
    const restored = key === this.#key;
    if (ifChanged && restored && this.#isLoaded) return { changes: [], restored };
    const wanted = wantedAccounts(users, { secret: this.#secret, open });
    const { statements, changes } = planAccounts(wanted, await readAccounts(this.#query));
    this.#begun = [
      ...this.#begun.filter(({ name }) => changes.every((one) => one.name !== name)),
      ...changes,
    ];
    if (statements.length > 0) this.#isLoaded = false;
    for (const sql of statements) await this.#query(sql);
    if (!this.#isLoaded) await this.#query('FLUSH LOCAL PRIVILEGES');
    this.#isLoaded = true;
    this.#key = key;
    const all = this.#begun;
    this.#begun = [];
    return { changes: all, restored };
  }

  /**
   * The sessions of these accounts. Sessions that can only read are killed too, because they have no commit. A writer's
   * sessions on an open primary are not killed (rule C1): they end after their statement, when their connection is cut.
   */
  async sessionsOf(names: readonly string[]): Promise<UserSession[]> {
    if (names.length === 0) return [];
    const rows = await this.#query(
      `SELECT id, host, @@global.read_only AS closed FROM information_schema.processlist WHERE user IN (${names.map(text).join(', ')})`,
    );
    const found: UserSession[] = [];
    for (const { id, host, closed } of rows) {
      const [address = '', port = ''] = String(host).split(':');
      found.push({ address, port: Number(port) });
      if (address !== READ_ONLY_PORT_ADDRESS && Number(closed) === 0) continue;
      await this.#query(`KILL ${Number(id)}`).catch((error: unknown) => {
        if (errnoOf(error) !== ERRNO.noSuchThread) throw error;
      });
    }
    return found;
  }
}

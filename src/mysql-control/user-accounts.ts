import { loadUsers } from '../auth/user-table.js';
import { type AccountsSql, READ_ONLY_PORT_ADDRESS, type UserChange } from '../flavour/accounts.js';
import type { SqlQuery } from '../flavour/server-sql.js';
import type { User } from '../model/user.js';
import { ERRNO, errnoOf } from '../mysql-protocol/errno.js';
import { userPassword } from './accounts.js';

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

/**
 * The accounts of applications on one server. The replicated table `skein.users` lists them. Each node makes them on its own
 * server, without logging it: an account from the log could be lost in a crash (the privilege tables are Aria's), and account
 * DDL that is executed twice stops a replica. All rows of the privilege tables are written first and then loaded together, so
 * no session loses its rights meanwhile.
 *
 * An account of role `write` is two accounts of the server: one for the read-write ports, one for the read-only ports (see
 * flavour/mariadb/accounts.ts). One of role `read` has only the second. Only Skein makes accounts at that second address, so they
 * show which names are Skein's when the row in the table is gone.
 */
export class UserAccounts {
  readonly #secret: Buffer;
  readonly #query: SqlQuery;
  readonly #sql: AccountsSql;
  #opening = false;
  /** The state of table and server for which the accounts were last brought up to date; null = not yet. */
  #key: string | null = null;
  /** The server has loaded its privilege tables; an earlier attempt, or an earlier node, may have failed before that. */
  #isLoaded = false;
  /** Changes that were begun and are not yet returned to a caller. */
  #begun: readonly UserChange[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** @param query  in a session whose statements are not logged */
  constructor(options: { secret: Buffer }, modules: { query: SqlQuery; sql: AccountsSql }) {
    this.#secret = options.secret;
    this.#query = modules.query;
    this.#sql = modules.sql;
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
    const passwordOf = (user: User) => userPassword(this.#secret, user);
    const wanted = this.#sql.wantedAccounts(users, { passwordOf, open });
    const found = await this.#sql.readAccounts(this.#query);
    const { statements, changes } = this.#sql.planAccounts(wanted, found);
    this.#begun = [
      ...this.#begun.filter(({ name }) => changes.every((one) => one.name !== name)),
      ...changes,
    ];
    if (statements.length > 0) this.#isLoaded = false;
    for (const sql of statements) await this.#query(sql);
    if (!this.#isLoaded) await this.#query(this.#sql.load);
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
    const rows = await this.#query(this.#sql.sessionsQuery(names));
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

import type { User } from '../model/user.js';
import type { SqlQuery } from './server-sql.js';

/**
 * The accounts of a managed server. Their passwords are derived from the cluster's secret, so every node knows them and no
 * file stores them. Each node makes the accounts on its own server, without writing to the binary log.
 */
export type AccountName = 'skein' | 'skein_repl' | 'skein_read' | 'skein_write' | 'skein_admin' | 'app';

export type PasswordOf = (name: AccountName) => string;

/**
 * The read-only MySQL ports dial the server from this address; all other TCP clients come from 127.0.0.1. For the server the
 * address is part of the account. So a session through a read-only port has the privileges of a reader, and nothing that a
 * client sends, not even COM_CHANGE_USER, changes that.
 */
export const READ_ONLY_PORT_ADDRESS = '127.0.0.2';

export interface ChangedLogin {
  /** `'app'@'127.0.0.1'` */
  readonly account: string;
  readonly sql: string;
}

export interface UserChange {
  readonly name: string;
  readonly what: 'made' | 'password' | 'rights' | 'dropped';
}

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

/** The statements that turn the accounts that exist into the wanted ones, and the changes; empty = nothing to do. */
export interface AccountsPlan {
  readonly statements: readonly string[];
  readonly changes: readonly UserChange[];
}

/** What is said to a server about accounts: Skein's own, and those of applications. The functions of the flavour say why. */
export interface AccountsSql {
  /** Executed at each login. Makes sessions of the read-only ports read-only. */
  readOnlySessions(serverVersion: string): string;

  /** Creates or repairs Skein's own accounts, whatever exists before. Not to be logged. One line each. */
  accountStatements(passwordOf: PasswordOf): string[];
  /** After these the accounts that write may do so, or may not. */
  writerStatements(open: boolean): string[];
  readonly loginsQuery: string;
  /** The accounts whose login differs from what it must be. `rows`: the answer to `loginsQuery`. */
  changedLogins(passwordOf: PasswordOf, rows: readonly Readonly<Record<string, unknown>>[]): ChangedLogin[];

  wantedAccounts(
    users: readonly User[],
    options: { passwordOf: (user: User) => string; open: boolean },
  ): AccountRows[];
  planAccounts(wanted: readonly AccountRows[], found: readonly AccountRows[]): AccountsPlan;
  /** The server's accounts at the two addresses of Skein's ports, except Skein's own. */
  readAccounts(query: SqlQuery): Promise<AccountRows[]>;
  /** A question for the sessions of these accounts: id, host, and whether the server is closed. */
  sessionsQuery(names: readonly string[]): string;
  /** Puts into force what `planAccounts` has written. */
  readonly load: string;
}

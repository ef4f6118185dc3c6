/** Accounts for applications, as the replicated table `skein.users` holds them. Pure. */

export const USER_ROLES = ['read', 'write'] as const;
export type UserRole = (typeof USER_ROLES)[number];

export interface User {
  readonly name: string;
  readonly role: UserRole;
  /** The only databases that the account sees; null = all but the system's own. */
  readonly databases: readonly string[] | null;
  /** The password is derived from this and the cluster's secret, so the table reveals no password. */
  readonly salt: string;
  /** ISO time. */
  readonly createdAt: string;
  /** ISO time of the last new password. */
  readonly passwordAt: string;
  /**
   * It is being dropped: it has no rights any more, and its row is deleted when the primary's server has removed the account.
   */
  readonly dropped: boolean;
}

/** The server takes 80 in its own statements; its column would hold 128. */
export const USER_NAME_MAX = 80;
const USER_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
/** Of the server, and of this cluster itself. */
const RESERVED = /^(skein.*|app|root|mysql|mysql\..*|mariadb\..*|public|event_scheduler)$/i;

/** Why there can be no account of this name; null = there can. */
export function userNameFault(name: string): string | null {
  if (name.length > USER_NAME_MAX) return `it is longer than ${USER_NAME_MAX} characters`;
  if (!USER_NAME.test(name)) {
    return 'letters, digits, "_", "." and "-" are expected, beginning with a letter or a digit';
  }
  return RESERVED.test(name) ? 'it is reserved' : null;
}

/** A column of the server's privilege tables, in which a pattern has to fit. */
const PATTERN_MAX = 64;
const HIDDEN_DATABASES = ['mysql', 'sys', 'skein', 'information_schema', 'performance_schema'];

/** Why an account cannot be limited to a database of this name; null = it can. The database need not exist yet. */
export function databaseNameFault(name: string): string | null {
  if (HIDDEN_DATABASES.includes(name.toLowerCase())) return 'no account of an application sees it';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
  if (name === '' || /[\u0000-\u001f\\/]|[\ud800-\udfff]|\s$/.test(name)) {
    return 'a name with control characters, "\\", "/", characters beyond U+FFFF or a space at its end cannot be granted';
  }
  return databasePattern(name).length > PATTERN_MAX
    ? `with a "\\" before each "_" and "%" it is longer than ${PATTERN_MAX} characters`
    : null;
}

/** The pattern that matches this database and no other: `_` and `%` stand for characters in a grant. */
export function databasePattern(name: string): string {
  return name.replace(/[_%]/g, '\\$&');
}

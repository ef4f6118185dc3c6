/**
 * Global variables whose right value depends on the role. A client's session begins with the global value and may change
 * its own; the log does not carry it. So servers that apply the log are as lenient as the most lenient client: a
 * statement that one client could execute must not stop a replica.
 */
export interface RoleSetting {
  readonly variable: string;
  /** SQL text of the value while the server applies the cluster's log. */
  readonly applying: string;
  /** SQL text of the value while clients write. */
  readonly serving: string;
}

const ROLE_SETTINGS: readonly RoleSetting[] = [
  // With OFF a client can create tables whose options or row size are refused otherwise (1005, 1118).
  { variable: 'innodb_strict_mode', applying: 'OFF', serving: 'ON' },
  // A replica accepts what the primary has accepted. For a primary see MariadbControl.requirePrimaryKeys.
  { variable: 'innodb_force_primary_key', applying: 'OFF', serving: 'OFF' },
];

/**
 * To be executed before the replication threads start and before clients connect, because a session keeps the values with
 * which it began.
 */
export function roleStatements(role: 'applying' | 'serving'): string[] {
  return ROLE_SETTINGS.map((setting) => `SET GLOBAL ${setting.variable} = ${setting[role]}`);
}

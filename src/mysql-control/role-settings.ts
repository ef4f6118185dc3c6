/**
 * Global variables whose right value depends on the role. A client's session begins with the global value and may change
 * its own; the log does not carry it. So servers that apply the log are as lenient as the most lenient client: a
 * statement that one client could execute must not stop a replica.
 */
export interface RoleSetting {
  readonly variable: string;
  /** As SQL. While the server applies the cluster's log. */
  readonly applying: string;
  /** As SQL. While clients write. */
  readonly serving: string;
}

const ROLE_SETTINGS: readonly RoleSetting[] = [
  // A client that switches it off creates tables whose options or row size are refused otherwise (1005, 1118).
  { variable: 'innodb_strict_mode', applying: 'OFF', serving: 'ON' },
  // A replica takes what its primary once took; on a primary see MariadbControl.requirePrimaryKeys.
  { variable: 'innodb_force_primary_key', applying: 'OFF', serving: 'OFF' },
];

/** To be executed before the replication threads start, or before clients are let in: sessions keep what they began with. */
export function roleStatements(role: 'applying' | 'serving'): string[] {
  return ROLE_SETTINGS.map((setting) => `SET GLOBAL ${setting.variable} = ${setting[role]}`);
}

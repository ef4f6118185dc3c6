/** The replicated table `skein.users`: which accounts applications have. Each node makes them for its own server. */
import { randomBytes } from 'node:crypto';
import type { User } from '../model/user.js';
import type { SystemExecutor } from './system-executor.js';

/** `scope`: a JSON array of databases, NULL = all. It has no secrets: every account that may read the schema may see it. */
export const CREATE_USERS = `CREATE TABLE skein.users (
  name VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  role ENUM('read','write') NOT NULL,
  scope MEDIUMTEXT NULL,
  salt CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at DATETIME(3) NOT NULL,
  password_at DATETIME(3) NOT NULL,
  dropped_at DATETIME(6) NULL
) ENGINE=InnoDB`;

const SALT_BYTES = 18;

export function newSalt(): string {
  return randomBytes(SALT_BYTES).toString('base64url');
}

/**
 * Name, role, scope, salt. Changes nothing when there is one of that name, unless it is being dropped. From left to
 * right.
 */
export const INSERT_USER = `INSERT INTO skein.users (name, role, scope, salt, created_at, password_at)
  VALUES (?, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))
  ON DUPLICATE KEY UPDATE role = IF(dropped_at IS NULL, role, VALUES(role)),
    scope = IF(dropped_at IS NULL, scope, VALUES(scope)), salt = IF(dropped_at IS NULL, salt, VALUES(salt)),
    created_at = IF(dropped_at IS NULL, created_at, VALUES(created_at)),
    password_at = IF(dropped_at IS NULL, password_at, VALUES(password_at)), dropped_at = NULL`;

export const ROTATE_USER =
  'UPDATE skein.users SET salt = ?, password_at = UTC_TIMESTAMP(3) WHERE name = ? AND dropped_at IS NULL';

/** Again when it was begun before: the time differs. */
export const BEGIN_DROP_USER = 'UPDATE skein.users SET dropped_at = UTC_TIMESTAMP(6) WHERE name = ?';
export const DELETE_USER = 'DELETE FROM skein.users WHERE name = ? AND dropped_at IS NOT NULL';

/** As the local server has them; null where the table has not arrived yet. */
export async function loadUsers(executor: SystemExecutor): Promise<User[] | null> {
  const there = await executor.query(
    "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = 'skein' AND table_name = 'users'",
  );
  if (there.length === 0) return null;
  const rows = await executor.query(
    `SELECT name, role, scope, salt, DATE_FORMAT(created_at, '%Y-%m-%dT%T.%fZ') AS created,
            DATE_FORMAT(password_at, '%Y-%m-%dT%T.%fZ') AS renewed, dropped_at IS NOT NULL AS dropped
       FROM skein.users ORDER BY name`,
  );
  return rows.map((row) => ({
    name: String(row.name),
    role: row.role === 'write' ? 'write' : 'read',
    databases: row.scope == null ? null : (JSON.parse(String(row.scope)) as string[]),
    salt: String(row.salt),
    createdAt: String(row.created),
    passwordAt: String(row.renewed),
    dropped: String(row.dropped) === '1',
  }));
}

export interface OwnedObject {
  readonly kind: 'view' | 'routine' | 'trigger' | 'event';
  readonly schema: string;
  readonly name: string;
}

/** Views, routines, triggers and events that run with the rights of this account, and would fail without it. */
export async function ownedObjects(executor: SystemExecutor, name: string): Promise<OwnedObject[]> {
  const definer = `IN ('${name}@127.0.0.1', '${name}@127.0.0.2')`;
  const rows = await executor.query(
    `SELECT 'view' AS kind, table_schema AS s, table_name AS n FROM information_schema.views WHERE definer ${definer}
      UNION ALL SELECT 'routine', routine_schema, routine_name FROM information_schema.routines WHERE definer ${definer}
      UNION ALL SELECT 'trigger', trigger_schema, trigger_name FROM information_schema.triggers WHERE definer ${definer}
      UNION ALL SELECT 'event', event_schema, event_name FROM information_schema.events WHERE definer ${definer}`,
  );
  return rows.map(({ kind, s, n }) => ({
    kind: kind as OwnedObject['kind'],
    schema: String(s),
    name: String(n),
  }));
}

/**
 * The replicated system schema `skein` with the tokens. Created by the primary when it first opens, by normal,
 * logged statements, so that it reaches every node like any other data. Only hashes are stored.
 */
import { randomBytes } from 'node:crypto';
import { SkeinError } from '../model/error.js';
import { generateToken, hashToken, isTokenShaped, type TokenRole } from './token.js';

/** One way to run Skein's own statements on the local server, with bound parameters. */
export interface SystemExecutor {
  query(
    sql: string,
    params?: readonly (string | number | null)[],
  ): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly role: TokenRole;
  readonly hash: string;
  /** ISO time */
  readonly createdAt: string;
  readonly expiresAt: string | null;
}

/** Each only when missing: an existing cluster gets no new transaction at a start. */
const STATEMENTS: readonly { readonly table: string | null; readonly sql: string }[] = [
  { table: null, sql: 'CREATE DATABASE skein CHARACTER SET utf8mb4 COLLATE utf8mb4_bin' },
  {
    table: 'tokens',
    sql: `CREATE TABLE skein.tokens (
      id VARCHAR(24) NOT NULL PRIMARY KEY,
      name VARCHAR(100) NOT NULL,
      role ENUM('read','write','admin') NOT NULL,
      hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
      created_at DATETIME(3) NOT NULL,
      expires_at DATETIME(3) NULL
    ) ENGINE=InnoDB`,
  },
];

/** Creates what is missing. Only on an open primary. */
export async function ensureSystemSchema(executor: SystemExecutor): Promise<void> {
  for (const { table, sql } of STATEMENTS) {
    const found = await executor.query(
      table === null
        ? "SELECT 1 AS found FROM information_schema.schemata WHERE schema_name = 'skein'"
        : "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = 'skein' AND table_name = ?",
      table === null ? [] : [table],
    );
    if (found.length === 0) await executor.query(sql);
  }
}

export function newTokenId(): string {
  return `tok_${randomBytes(9).toString('base64url')}`;
}

export const INSERT_TOKEN =
  'INSERT INTO skein.tokens (id, name, role, hash, created_at, expires_at) VALUES (?, ?, ?, ?, UTC_TIMESTAMP(3), ?)';
export const DELETE_TOKEN = 'DELETE FROM skein.tokens WHERE id = ?';

/** Creates a token on an open primary. `token` is the only copy. */
export async function createToken(
  executor: SystemExecutor,
  options: { name: string; role: TokenRole; expiresAt?: string | null },
): Promise<{ id: string; token: string }> {
  const token = generateToken();
  const id = newTokenId();
  await executor.query(INSERT_TOKEN, [
    id,
    options.name,
    options.role,
    hashToken(token),
    options.expiresAt ?? null,
  ]);
  return { id, token };
}

/**
 * The first start: makes `token` (from the node's adminTokenFile) the admin token if the cluster has no token at all.
 * Gives true when it was stored now. @throws SkeinError INVALID_TOKEN
 */
export async function adoptAdminToken(executor: SystemExecutor, token: string): Promise<boolean> {
  if (!isTokenShaped(token)) {
    throw new SkeinError(
      'INVALID_TOKEN',
      'The admin token file does not hold a Skein token ("skein_" and 43 characters). Remove it to have a new one made.',
    );
  }
  const any = await executor.query('SELECT 1 AS found FROM skein.tokens LIMIT 1');
  if (any.length > 0) return false;
  await executor.query(INSERT_TOKEN, [newTokenId(), 'admin', 'admin', hashToken(token), null]);
  return true;
}

/** All tokens as the local server has them; none where the schema has not arrived yet. */
export async function loadTokens(executor: SystemExecutor): Promise<TokenRecord[]> {
  const there = await executor.query(
    "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = 'skein' AND table_name = 'tokens'",
  );
  if (there.length === 0) return [];
  // Times as text made here: what a driver makes of DATETIME depends on its settings.
  const rows = await executor.query(
    `SELECT id, name, role, hash, DATE_FORMAT(created_at, '%Y-%m-%dT%T.%fZ') AS created_at,
            DATE_FORMAT(expires_at, '%Y-%m-%dT%T.%fZ') AS expires_at FROM skein.tokens`,
  );
  return rows.map((row) => ({
    id: String(row.id),
    name: String(row.name),
    role: row.role === 'admin' || row.role === 'write' ? row.role : 'read',
    hash: String(row.hash),
    createdAt: String(row.created_at),
    expiresAt: row.expires_at === null ? null : String(row.expires_at),
  }));
}

/**
 * The replicated system schema `skein` with the tokens, the outcomes of writes with an idempotency key, and the accounts of
 * applications. Created by the primary when it first opens, by normal, logged statements, so that it reaches every node like
 * any other data. Only hashes are stored.
 */
import { randomBytes } from 'node:crypto';
import { SkeinError } from '../model/error.js';
import { CREATE_JOIN_TOKENS } from './join-tokens.js';
import type { SystemExecutor } from './system-executor.js';
import { hashToken, isTokenShaped, type TokenRole } from './token.js';
import { CREATE_USERS } from './user-table.js';

export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly role: TokenRole;
  readonly hash: string;
  /** ISO time */
  readonly createdAt: string;
  readonly expiresAt: string | null;
  /** Requests per second on each node; null = no limit. */
  readonly rateLimit: number | null;
  /** The hash before the last rotation, while that is still valid (ISO time). */
  readonly previous: { readonly hash: string; readonly until: string } | null;
}

interface SchemaStep {
  /** The table or column that exists once the step is done. */
  readonly table: string | null;
  readonly column?: string;
  readonly sql: string;
}

/** Each only when missing: an existing cluster gets no new transaction at a start. */
const STEPS: readonly SchemaStep[] = [
  { table: null, sql: 'CREATE DATABASE skein CHARACTER SET utf8mb4 COLLATE utf8mb4_bin' },
  {
    table: 'tokens',
    sql: `CREATE TABLE skein.tokens (
      id VARCHAR(24) NOT NULL PRIMARY KEY,
      name VARCHAR(100) NOT NULL,
      role ENUM('read','write','admin') NOT NULL,
      hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
      created_at DATETIME(3) NOT NULL,
      expires_at DATETIME(3) NULL,
      rate_limit INT UNSIGNED NULL,
      previous_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      previous_until DATETIME(3) NULL
    ) ENGINE=InnoDB`,
  },
  {
    table: 'tokens',
    column: 'previous_until',
    sql: `ALTER TABLE skein.tokens ADD COLUMN rate_limit INT UNSIGNED NULL,
      ADD COLUMN previous_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      ADD COLUMN previous_until DATETIME(3) NULL`,
  },
  {
    // Written and read by sql/outcomes.ts.
    table: 'outcomes',
    sql: `CREATE TABLE skein.outcomes (
      id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      created_at DATETIME(3) NOT NULL,
      fingerprint CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      answer MEDIUMBLOB NOT NULL,
      seal CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      KEY (created_at)
    ) ENGINE=InnoDB`,
  },
  // See user-table.ts.
  { table: 'users', sql: CREATE_USERS },
  // See join-tokens.ts.
  { table: 'join_tokens', sql: CREATE_JOIN_TOKENS },
];

const IS_THERE = {
  database: "SELECT 1 AS found FROM information_schema.schemata WHERE schema_name = 'skein'",
  table: "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = 'skein' AND table_name = ?",
  column:
    "SELECT 1 AS found FROM information_schema.columns WHERE table_schema = 'skein' AND table_name = ? AND column_name = ?",
};

/** Creates what is missing. Only on an open primary. */
export async function ensureSystemSchema(executor: SystemExecutor): Promise<void> {
  for (const step of STEPS) {
    if (!(await isThere(step, executor))) await executor.query(step.sql);
  }
}

async function isThere({ table, column }: SchemaStep, executor: SystemExecutor): Promise<boolean> {
  let found: readonly unknown[];
  if (table === null) found = await executor.query(IS_THERE.database);
  else if (column === undefined) found = await executor.query(IS_THERE.table, [table]);
  else found = await executor.query(IS_THERE.column, [table, column]);
  return found.length > 0;
}

export function newTokenId(): string {
  return `tok_${randomBytes(9).toString('base64url')}`;
}

export const INSERT_TOKEN =
  'INSERT INTO skein.tokens (id, name, role, hash, created_at, expires_at, rate_limit) VALUES (?, ?, ?, ?, UTC_TIMESTAMP(3), ?, ?)';
export const DELETE_TOKEN = 'DELETE FROM skein.tokens WHERE id = ?';
/** New hash; the old one counts until then (null = no longer); id. Assigned from left to right. */
export const ROTATE_TOKEN =
  'UPDATE skein.tokens SET previous_hash = hash, hash = ?, previous_until = ? WHERE id = ?';

/**
 * The first start: makes `token` (from the node's adminTokenFile) the admin token if the cluster has no token at all.
 * Returns true when it was stored now. @throws SkeinError INVALID_TOKEN
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
  await executor.query(INSERT_TOKEN, [newTokenId(), 'admin', 'admin', hashToken(token), null, null]);
  return true;
}

/** All tokens as the local server has them; null where the schema has not arrived yet. */
export async function loadTokens(executor: SystemExecutor): Promise<TokenRecord[] | null> {
  const there = await executor.query(
    "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = 'skein' AND table_name = 'tokens'",
  );
  if (there.length === 0) return null;
  // Times as text made here: what a driver makes of DATETIME depends on its settings. All columns, because a replica may
  // still have the table of an earlier version, without the last ones.
  const rows = await executor.query(
    `SELECT tokens.*, DATE_FORMAT(created_at, '%Y-%m-%dT%T.%fZ') AS created_text,
            DATE_FORMAT(expires_at, '%Y-%m-%dT%T.%fZ') AS expires_text FROM skein.tokens`,
  );
  return rows.map((row) => ({
    id: String(row.id),
    name: String(row.name),
    role: row.role === 'admin' || row.role === 'write' ? row.role : 'read',
    hash: String(row.hash),
    createdAt: String(row.created_text),
    expiresAt: row.expires_text === null ? null : String(row.expires_text),
    rateLimit: row.rate_limit == null ? null : Number(row.rate_limit),
    previous:
      row.previous_hash == null || row.previous_until == null
        ? null
        : { hash: String(row.previous_hash), until: isoText(row.previous_until) },
  }));
}

/** `2026-01-31 12:00:00.000`, which is UTC, or what a driver made of it. */
function isoText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : `${String(value).replace(' ', 'T')}Z`;
}

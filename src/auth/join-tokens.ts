/** The replicated table `skein.join_tokens`: which join tokens there are, and which were used. Nothing in it is secret. */
import type { SystemExecutor } from './system-executor.js';

/** `used_key`: the joiner's key of the exchange, by which it is known again when it asks a second time. */
export const CREATE_JOIN_TOKENS = `CREATE TABLE skein.join_tokens (
  id CHAR(22) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  created_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  used_at DATETIME(3) NULL,
  used_by VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NULL,
  used_key CHAR(43) CHARACTER SET ascii COLLATE ascii_bin NULL
) ENGINE=InnoDB`;

export interface JoinTokenRecord {
  readonly id: string;
  /** ISO times. */
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly usedAt: string | null;
  /** Name of the member. */
  readonly usedBy: string | null;
  readonly usedKey: string | null;
  /** It was used a moment ago, so its user may not have got the answer yet. */
  readonly isAnswering: boolean;
  /** By the clock of the server that answered. */
  readonly isExpired: boolean;
}

/**
 * A joiner asks again for a minute (cli/setup/join-cluster.ts), each time for at most a minute. After that the same request
 * is a recorded one: it must not bring back a member that was removed.
 */
const ANSWERING_S = 300;

/** Parameters: id, seconds of validity. All times are those of the primary's server, so no other clock matters. */
export const INSERT_JOIN_TOKEN = `INSERT INTO skein.join_tokens (id, created_at, expires_at)
  VALUES (?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL ? SECOND)`;
export const DELETE_JOIN_TOKEN = 'DELETE FROM skein.join_tokens WHERE id = ?';
/** Kept for a day after their end, so that a late joiner is told why it is refused. */
export const DELETE_OLD_JOIN_TOKENS =
  'DELETE FROM skein.join_tokens WHERE expires_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY';
/** Parameters: name, key, id. When several machines join at once, only one changes the row. */
export const USE_JOIN_TOKEN = `UPDATE skein.join_tokens
  SET used_at = UTC_TIMESTAMP(3), used_by = ?, used_key = ?
  WHERE id = ? AND used_at IS NULL AND expires_at > UTC_TIMESTAMP(3)`;
/** Parameters: id, key. For a machine that was refused after its token was marked as used. */
export const GIVE_BACK_JOIN_TOKEN =
  'UPDATE skein.join_tokens SET used_at = NULL, used_by = NULL, used_key = NULL WHERE id = ? AND used_key = ?';

/** The tokens on the local server, newest first; empty while the table has not arrived yet. */
export async function loadJoinTokens(executor: SystemExecutor): Promise<JoinTokenRecord[]> {
  const there = await executor.query(
    "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = 'skein' AND table_name = 'join_tokens'",
  );
  if (there.length === 0) return [];
  const time = (column: string) => `DATE_FORMAT(${column}, '%Y-%m-%dT%T.%fZ')`;
  const rows = await executor.query(
    `SELECT id, ${time('created_at')} AS created, ${time('expires_at')} AS expires, ${time('used_at')} AS used,
            used_by, used_key, expires_at <= UTC_TIMESTAMP(3) AS expired,
            used_at > UTC_TIMESTAMP(3) - INTERVAL ${ANSWERING_S} SECOND AS answering
       FROM skein.join_tokens ORDER BY created_at DESC, id`,
  );
  const textOrNull = (value: unknown) => (value == null ? null : String(value));
  return rows.map((row) => ({
    id: String(row.id),
    createdAt: String(row.created),
    expiresAt: String(row.expires),
    usedAt: textOrNull(row.used),
    usedBy: textOrNull(row.used_by),
    usedKey: textOrNull(row.used_key),
    isExpired: String(row.expired) === '1',
    isAnswering: String(row.answering) === '1',
  }));
}

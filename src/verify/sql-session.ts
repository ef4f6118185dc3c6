import type { TableName } from '../model/verify.js';

/** One session on the local server whose statements are not logged. */
export interface SqlSession {
  run(sql: string): Promise<void>;
  queryRows(sql: string): Promise<SqlRow[]>;
  /** Ends the session, and with it its transaction. */
  destroy(): void;
}

/** Each value as the server writes it in text. */
export type SqlRow = Readonly<Record<string, string | null>>;

export const ER_NO_SUCH_TABLE = 1146;
export const ER_BAD_DB = 1049;

/** The server's error number; null when the error is not one of the server's. */
export function errnoOf(error: unknown): number | null {
  const { errno } = error as { errno?: unknown };
  return typeof errno === 'number' && errno > 0 ? errno : null;
}

export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function quotedTable({ schema, name }: TableName): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

/** A text of any content as a literal. */
export function textLiteral(value: string): string {
  return `_utf8mb4 x'${Buffer.from(value).toString('hex')}'`;
}

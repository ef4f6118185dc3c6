import type { TableName } from '../model/verify.js';
import { ERRNO, errnoOf } from '../mysql-protocol/errno.js';

/** One session on the local server whose statements are not logged. */
export interface SqlSession {
  run(sql: string): Promise<void>;
  queryRows(sql: string): Promise<SqlRow[]>;
  /** Ends the session, and with it its transaction. */
  destroy(): void;
}

/** Each value as the server writes it in text. */
export type SqlRow = Readonly<Record<string, string | null>>;

export function isNoSuchTable(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === ERRNO.noSuchTable || errno === ERRNO.noSuchDatabase;
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

/** The statements that were run from this browser, the newest first. Pure. */

export interface PastStatement {
  readonly sql: string;
  readonly database: string;
  /** ISO time. */
  readonly at: string;
}

const KEPT_MAX = 200;
/** A longer one is a file that was pasted; the browser keeps a few megabytes in all. */
const LENGTH_MAX = 20_000;

/** Words beside which a password stands. Rather one statement too few is kept than one too many. */
const SECRET =
  /\bIDENTIFIED\b|PASSWORD\b|\bSECRET\b|\bAUTHENTICATION\b|\bTOKEN\b|_(?:EN|DE)CRYPT\b|\bskein_[\w-]{8}/i;

export const mayHoldSecret = (sql: string): boolean => SECRET.test(sql);

/** The same statement again comes to the front. */
export function withStatement(past: readonly PastStatement[], next: PastStatement): readonly PastStatement[] {
  if (next.sql.trim() === '' || next.sql.length > LENGTH_MAX || mayHoldSecret(next.sql)) return past;
  const others = past.filter(({ sql, database }) => sql !== next.sql || database !== next.database);
  return [next, ...others].slice(0, KEPT_MAX);
}

export function found(past: readonly PastStatement[], search: string): readonly PastStatement[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return past.filter(({ sql, database }) => {
    const text = `${database}\n${sql}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** From what the browser has kept; anything else than such a list counts as nothing. */
export function readPast(text: string | null): readonly PastStatement[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value.filter(isPast) : [];
  } catch {
    return [];
  }
}

function isPast(value: unknown): value is PastStatement {
  const { sql, database, at } = (value ?? {}) as Partial<Record<keyof PastStatement, unknown>>;
  return [sql, database, at].every((field) => typeof field === 'string');
}

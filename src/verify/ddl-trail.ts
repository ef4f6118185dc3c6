import type { TableName } from '../model/verify.js';

/** Statements that are remembered. Older ones count as if they had named every table. */
const KEPT_MAX = 1_000;
/** Written as it is in any statement that names it, quoted or not, in any character set of a client. */
const PLAIN = /^[\w$]+$/;
/** DROP DATABASE names no table. */
const OF_A_SCHEMA = /\b(database|schema)\b/;
const NO_DDL = /^\s*(COMMIT|ROLLBACK|SAVEPOINT|XA)\b/i;
const XA_END = /^\s*XA\s+(COMMIT|ROLLBACK)\b/i;

interface Noted {
  readonly ordinal: number;
  /** In small letters; '' = not known. */
  readonly text: string;
  readonly isXa: boolean;
}

/**
 * Which tables the log's latest statements (DDL, and the ends of XA branches) may have changed. It errs on one side only: a
 * table that was changed is always found. Pure.
 */
export class DdlTrail {
  #noted: Noted[] = [];
  /** Everything up to here is forgotten. */
  #forgotten = 0;

  /** `text` '' = not known. */
  note(ordinal: number, text: string): void {
    const isXa = XA_END.test(text);
    if (!isXa && NO_DDL.test(text)) return;
    this.#noted.push({ ordinal, text: isXa ? '' : text.toLowerCase(), isXa });
    if (this.#noted.length <= KEPT_MAX) return;
    const half = this.#noted.splice(0, KEPT_MAX / 2);
    this.#forgotten = half.at(-1)?.ordinal ?? this.#forgotten;
  }

  /** Whether DDL behind `after` may have changed this table. */
  touched({ schema, name }: TableName, after: number): boolean {
    if (after < this.#forgotten) return true;
    return this.#noted.some(
      ({ ordinal, text, isXa }) =>
        ordinal > after &&
        !isXa &&
        (text === '' || isNamed(name, text) || (OF_A_SCHEMA.test(text) && isNamed(schema, text))),
    );
  }

  /** Whether an XA branch was ended behind `after`: its rows are in the engine a moment later than in the log. */
  endedXa(after: number): boolean {
    return after < this.#forgotten || this.#noted.some(({ ordinal, isXa }) => isXa && ordinal > after);
  }

  /** Whether an XA branch was ended that is still remembered. */
  get knowsXa(): boolean {
    return this.#noted.some(({ isXa }) => isXa);
  }
}

/** `text` in small letters. Only a name of plain letters is written the same in every statement. */
function isNamed(name: string, text: string): boolean {
  if (!PLAIN.test(name)) return true;
  const plain = name.toLowerCase().replaceAll('$', '\\$');
  return new RegExp(`(?<![\\w$])${plain}(?![\\w$])`).test(text);
}

import { SqlTokens, type Text } from './sql-tokens.js';

/** The target of a client's KILL. */
export type Kill =
  | { readonly kind: 'session'; readonly id: number }
  | { readonly kind: 'query'; readonly queryId: number }
  /** A user or an expression: any session may be meant. */
  | { readonly kind: 'any' }
  /** Executed later, when the target may be committing: prepared, in a block, after another statement. */
  | { readonly kind: 'later' };

/** `multi`: the connection allows several statements in one text. */
export interface TextOptions {
  readonly multi: boolean;
}

const BLOCKS = new Set(['begin', 'if', 'case', 'loop', 'repeat', 'while', 'for', 'declare']);
/** Largest number of a session or query. */
const NUMBER = /^\d{1,15}$/;
/** Levels of EXECUTE IMMEDIATE inside EXECUTE IMMEDIATE. Each level parses the text again, so the number is bounded. */
const NESTING_MAX = 3;
const LATER: Kill = { kind: 'later' };

/**
 * The KILL in a text as MariaDB 10.11 would execute it: by itself, behind comments, in executable comments, behind
 * SET STATEMENT ... FOR, in a block (BEGIN NOT ATOMIC, IF ...), in the literal text of PREPARE and EXECUTE IMMEDIATE, and
 * as a further statement. Null = none. Not seen: one in a procedure that is called, or in a text that is computed.
 */
export function killIn(text: Text, options: TextOptions): Kill | null {
  return find(text, options, 0);
}

function find(text: Text, options: TextOptions, nesting: number): Kill | null {
  const newest = new SqlTokens(text, { newestServer: true });
  const found = findInStatements(newest, text, options, nesting);
  if (found || !newest.dependsOnVersion) return found;
  return findInStatements(new SqlTokens(text, { newestServer: false }), text, options, nesting);
}

function findInStatements(tokens: SqlTokens, text: Text, options: TextOptions, nesting: number): Kill | null {
  tokens.next();
  for (let first = true; !tokens.is('end'); first = false) {
    const kill = findInStatement(tokens, text, nesting);
    if (kill) return first ? kill : LATER;
    if (!options.multi) return null;
    while (!tokens.is('end') && !tokens.isSign(';')) tokens.next();
    while (tokens.isSign(';')) tokens.next();
  }
  return null;
}

/** Stands on the statement's first token. */
function findInStatement(tokens: SqlTokens, text: Text, nesting: number): Kill | null {
  let later = false;
  while (tokens.word() === 'set') {
    tokens.next();
    if (tokens.word() !== 'statement') return null;
    if (skipSettings(tokens)) later = true;
    if (tokens.is('end')) return null;
    tokens.next();
  }
  const first = tokens.word();
  if (first === 'kill') {
    const kill = target(tokens);
    return later ? LATER : kill;
  }
  if (BLOCKS.has(first)) return hasKill(tokens) ? LATER : null;
  if (first === 'execute') {
    tokens.next();
    return tokens.word() === 'immediate' ? findInStrings(tokens, text, nesting) : null;
  }
  if (first === 'prepare') return findInStrings(tokens, text, nesting);
  return null;
}

/** Skips to the FOR of SET STATEMENT ... FOR. Returns whether a value may take time to compute. */
function skipSettings(tokens: SqlTokens): boolean {
  let depth = 0;
  let computed = false;
  for (tokens.next(); !tokens.is('end'); tokens.next()) {
    if (tokens.isSign('(')) {
      depth++;
      computed = true;
    } else if (tokens.isSign(')')) depth--;
    else if (depth === 0 && tokens.word() === 'for') break;
  }
  return computed;
}

/** Stands on KILL. */
function target(tokens: SqlTokens): Kill {
  tokens.next();
  if (tokens.word() === 'hard' || tokens.word() === 'soft') tokens.next();
  let byQueryId = false;
  if (tokens.word() === 'connection') tokens.next();
  else if (tokens.word() === 'query') {
    tokens.next();
    byQueryId = tokens.word() === 'id';
    if (byQueryId) tokens.next();
  }
  const number = tokens.word();
  tokens.next();
  const alone = tokens.is('end') || tokens.isSign(';');
  if (hasKill(tokens)) return LATER;
  if (!alone || !NUMBER.test(number)) return { kind: 'any' };
  return byQueryId ? { kind: 'query', queryId: Number(number) } : { kind: 'session', id: Number(number) };
}

/** From the present token to the end. A column or a variable may have this name. */
function hasKill(tokens: SqlTokens): boolean {
  for (let isName = false; !tokens.is('end'); tokens.next()) {
    if (!isName && tokens.word() === 'kill') return true;
    isName = tokens.isSign('.') || tokens.isSign('@');
  }
  return false;
}

function findInStrings(tokens: SqlTokens, text: Text, nesting: number): Kill | null {
  if (nesting === NESTING_MAX) return LATER;
  for (; !tokens.is('end') && !tokens.isSign(';'); tokens.next()) {
    if (!tokens.is('string')) continue;
    if (find(part(text, tokens.start + 1, tokens.end - 1), { multi: false }, nesting + 1)) return LATER;
  }
  return null;
}

function part(text: Text, start: number, end: number): Text {
  return {
    length: Math.max(end - start, 0),
    charCodeAt: (index) => (start + index < end ? text.charCodeAt(start + index) : Number.NaN),
  };
}

/** The statements that were run from this browser. They stay in it, and never go to a node. */
import { type PastStatement, readPast, withStatement } from '../state/sql/past-statements.js';

const KEY = 'skein-statements';

export const keptStatements = {
  get: (): readonly PastStatement[] => readPast(localStorage.getItem(KEY)),

  add(texts: readonly string[], database: string): void {
    const at = new Date().toISOString();
    const all = texts.reduce((old, sql) => withStatement(old, { sql, database, at }), keptStatements.get());
    try {
      localStorage.setItem(KEY, JSON.stringify(all));
    } catch {
      // The browser keeps no more. The statement runs all the same.
    }
  },

  clear: (): void => localStorage.removeItem(KEY),
};

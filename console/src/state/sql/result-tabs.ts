/** The results of a script as tabs: one for each statement, and one for each result set where a procedure gives several. Pure. */
import type { ResultSet, RunLook, StatementLook } from './script-run.js';

export interface ResultTab {
  readonly key: string;
  readonly label: string;
  readonly statement: StatementLook;
  /** Null: it has no rows. */
  readonly set: ResultSet | null;
}

export function tabsOf({ statements }: RunLook): readonly ResultTab[] {
  return statements.flatMap((statement) => {
    const { number, name, sets } = statement;
    const [only = null] = sets;
    if (sets.length <= 1) return [{ key: `${number}`, label: `${number} ${name}`, statement, set: only }];
    return sets.map((set, at) => ({
      key: `${number}.${at}`,
      label: `${number} ${name} (${at + 1} of ${sets.length})`,
      statement,
      set,
    }));
  });
}

/** The one that nobody had to choose: what failed, or the last that has come to something. */
export function tabToShow(tabs: readonly ResultTab[]): number {
  const of = (...states: StatementLook['state'][]) =>
    tabs.findLastIndex((tab) => states.includes(tab.statement.state));
  const failed = of('failed', 'cancelled');
  return Math.max(0, failed === -1 ? of('done', 'running') : failed);
}

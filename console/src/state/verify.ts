/** What the comparison of the rows of all nodes found, in words. Pure. */
import type {
  VerifyDifference,
  VerifyDocument,
  VerifyRound,
  VerifyTable,
} from '../../../client/src/index.js';
import type { Tone } from './status.js';
import { clock, count, counted } from './text.js';

export interface VerifyOrder {
  readonly database?: string;
  readonly table?: string;
  readonly repair?: boolean;
}

/** What is to be compared: nothing named = all tables. A table alone is not enough: several databases may have it. */
export function orderOf(
  { database, table }: { readonly database: string; readonly table: string },
  repair: boolean,
): VerifyOrder | { readonly wrong: string } {
  if (database === '' && table !== '') return { wrong: 'Name the database of the table too.' };
  return {
    ...(database !== '' && { database }),
    ...(table !== '' && { table }),
    ...(repair && { repair }),
  };
}

export interface Verdict {
  readonly text: string;
  readonly tone: Tone;
}

/** One sentence about the last comparison, or about the one that runs. */
export function roundText({ running, last }: VerifyDocument): Verdict {
  if (running) return { text: progressText(running), tone: 'idle' };
  if (last === null) return { text: 'Nothing has been compared yet.', tone: 'idle' };
  const what = last.only === null ? 'all tables' : last.only;
  const when = `${last.finishedAt?.slice(0, 10)} ${clock(last.finishedAt)}`;
  if (last.ended !== null)
    return { text: `The comparison of ${what} ended early at ${when}: ${last.ended}`, tone: 'warn' };
  const done = `${counted(last.tables, 'table')}, ${counted(last.rows, 'row')}, compared until ${when}`;
  if (last.differing.length > 0)
    return { text: `Rows differ in ${count(last.differing.length)} of ${done}.`, tone: 'bad' };
  const skipped = last.skipped.length === 0 ? '' : ` ${count(last.skipped.length)} skipped.`;
  return { text: `All equal: ${done}.${skipped}`, tone: last.skipped.length === 0 ? 'good' : 'warn' };
}

function progressText({ only, repair, tablesDone, tables, rows }: VerifyRound): string {
  const does = repair ? 'Comparing and repairing' : 'Comparing';
  return `${does} ${only ?? 'all tables'}: ${count(tablesDone)} of ${counted(tables, 'table')}, ${counted(rows, 'row')} so far.`;
}

export interface TableRow {
  readonly table: string;
  readonly verdict: Verdict;
  readonly rows: string;
  readonly time: string;
  /** Epoch and ordinal; the whole position for those who point at it. */
  readonly position: string;
  readonly notes: readonly string[];
}

const VERDICTS: Readonly<Record<VerifyTable['verdict'], Verdict>> = {
  equal: { text: 'equal', tone: 'good' },
  differs: { text: 'differs', tone: 'bad' },
  repaired: { text: 'repaired', tone: 'good' },
  skipped: { text: 'skipped', tone: 'warn' },
};

/** What needs a look comes first. */
const ORDER: readonly VerifyTable['verdict'][] = ['differs', 'skipped', 'repaired', 'equal'];

export function tableRows({ tables }: VerifyDocument): readonly TableRow[] {
  return [...tables]
    .sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict) || (a.table < b.table ? -1 : 1))
    .map((table) => ({
      table: table.table,
      verdict: VERDICTS[table.verdict] ?? { text: table.verdict, tone: 'warn' },
      rows: count(table.rows),
      time: clock(table.finishedAt),
      position: table.to,
      notes: notesOf(table),
    }));
}

function notesOf({ reason, differences, more }: VerifyTable): string[] {
  return [
    ...(reason === null ? [] : [reason]),
    ...differences.map(differenceText),
    ...(more === 0 ? [] : [`${counted(more, 'difference')} more.`]),
  ];
}

/** Which rows differ, on which nodes, and what was done about it. */
export function differenceText({ key, after, upTo, rows, nodes, repair }: VerifyDifference): string {
  const keys = `(${key.join(', ')})`;
  const values = (found: readonly string[]) => `(${found.join(', ')})`;
  const from = after === null ? 'from the first row' : `behind ${values(after)}`;
  const to = upTo === null ? 'to the last row' : `up to ${values(upTo)}`;
  const range = key.length === 0 ? 'The whole table, which has no key' : `${keys} ${from} ${to}`;
  const found = nodes.map(({ node, rows: theirs }) => `${node} has ${counted(theirs, 'row')}`).join(', ');
  const done = repair === null ? '' : ` ${repair === 'repaired' ? 'Repaired.' : `Not repaired: ${repair}`}`;
  return `${range}: the primary has ${counted(rows, 'row')}, ${found}.${done}`;
}

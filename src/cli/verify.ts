import { SkeinError } from '../model/error.js';
import { terminalLine } from '../std/terminal-text.js';
import { sleep } from '../std/timing.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { clientOf, type NodeClient } from './node-client.js';
import { textTable } from './text-table.js';
import { UsageError } from './usage-error.js';

const LOOK_MS = 250;
/** Ranges of a table that are printed; `--json` has all. */
const RANGES_SHOWN = 10;

interface Difference {
  key: string[];
  after: string[] | null;
  upTo: string[] | null;
  rows: number;
  nodes: { node: string; rows: number }[];
  repair: string | null;
}
interface Table {
  table: string;
  verdict: string;
  finishedAt: string;
  to: string;
  rows: number;
  chunks: number;
  nodes: string[];
  reason: string | null;
  differences: Difference[];
  more: number;
}
interface Round {
  startedAt: string;
  only: string | null;
  tablesDone: number;
  tables: number;
  differing: string[];
  skipped: string[];
  rows: number;
  heldMsMax: number;
  ended: string | null;
}
interface Document {
  running: Round | null;
  last: Round | null;
  lastCompleteAt: string | null;
  tables: Table[];
}

export const verifyCommand: Command = {
  usage: '[<database>.<table>] [--repair] [--last] [--cancel] [--json] [--node <url>]',
  description: `Compares the rows of all nodes, chunk by chunk, at one position and while writes go on.
The primary does it; ask the primary. It needs an admin token, and \`--last\` a read token.

  equal      the same rows on the primary and on every replica
  differs    a replica has other rows, or defines the table otherwise; the ranges are listed
  repaired   it differed, and the primary's rows were written on that replica
  skipped    it was not compared, or not on all nodes; the reason is listed

Exits with 1 when a table differs, or was skipped, or the comparison ended early.`,
  options: {
    repair: { type: 'boolean', help: "replace rows that differ on a replica by the primary's" },
    last: { type: 'boolean', help: 'only show the last results' },
    cancel: { type: 'boolean', help: 'stop the running comparison' },
    json: { type: 'boolean', help: 'the document of GET /v1/verify' },
    node: { type: 'string', value: '<url>', help: 'the primary (default: SKEIN_URL)' },
  },
  examples: [
    ['skein verify', 'all tables'],
    ['skein verify shop.orders --repair', 'one table; repair replicas that differ'],
    ['skein verify --last', 'what the background round found'],
  ],
  positionals: [0, 1],

  async run(context, values) {
    const client = clientOf(context, values.text('node'));
    if (values.flag('cancel')) return cancel(context, client);
    if (values.flag('last')) return show(context, values, await read(client), null);
    const { document, only } = await ownResult(context, client, {
      ...tableOf(values.positionals[0]),
      ...(values.flag('repair') && { repair: true }),
    });
    return show(context, values, document, only);
  },
};

/** Has a comparison made. @throws SkeinError VERIFY_ENDED, when the last one that the primary knows is another */
export async function ownResult(
  context: CommandContext,
  client: NodeClient,
  asked: { database?: string; table?: string; repair?: boolean },
): Promise<{ document: Document; only: string | null }> {
  const { body: round } = await client.request<Round>('POST', '/v1/verify', asked);
  const document = await untilDone(context, client, round);
  if (document.last?.startedAt === round.startedAt) return { document, only: round.only };
  throw new SkeinError('VERIFY_ENDED', 'The comparison ended with the primary that made it. Ask again.');
}

/** A name in quotes may have dots in it. */
const TABLE = /^(?:`((?:[^`]|``)+)`|([^.`]+))\.(?:`((?:[^`]|``)+)`|([^`]+))$/;

export function tableOf(text: string | undefined): { database?: string; table?: string } {
  if (text === undefined) return {};
  const parts = TABLE.exec(text);
  if (parts === null)
    throw new UsageError(
      `"${text}": expected a table as <database>.<table>. A name with a dot stands in backquotes.`,
    );
  const name = (inQuotes: string | undefined, bare = '') => inQuotes?.replaceAll('``', '`') ?? bare;
  return { database: name(parts[1], parts[2]), table: name(parts[3], parts[4]) };
}

async function read(client: NodeClient): Promise<Document> {
  return (await client.request<Document>('GET', '/v1/verify')).body;
}

async function untilDone(
  { terminal, signal }: CommandContext,
  client: NodeClient,
  { startedAt }: Round,
): Promise<Document> {
  for (;;) {
    const document = await read(client);
    const { running } = document;
    if (running?.startedAt !== startedAt) {
      if (terminal.isTerminal && document.last) terminal.err('\n');
      return document;
    }
    if (terminal.isTerminal)
      terminal.err(`\r${running.tablesDone} of ${running.tables} tables, ${running.rows} rows`);
    await sleep(LOOK_MS, signal);
  }
}

async function cancel({ terminal }: CommandContext, client: NodeClient): Promise<number> {
  const { body } = await client.request<{ cancelled: boolean }>('DELETE', '/v1/verify');
  terminal.err(body.cancelled ? 'The comparison ends.\n' : 'No comparison is running.\n');
  return 0;
}

function show(
  { terminal }: CommandContext,
  values: ParsedValues,
  document: Document,
  only: string | null,
): number {
  const tables = document.tables.filter(({ table }) => only === null || table === only);
  const { last } = document;
  if (values.flag('json')) terminal.json(`${JSON.stringify({ ...document, tables }, null, 2)}\n`);
  else terminal.out(textOf(tables, document));
  const isWell = tables.every(({ verdict }) => verdict === 'equal' || verdict === 'repaired');
  return isWell && last !== null && last.ended === null ? 0 : 1;
}

function textOf(tables: readonly Table[], { running, last, lastCompleteAt }: Document): string {
  const lines =
    tables.length === 0
      ? ['No table was compared yet.']
      : textTable(
          [
            { name: 'TABLE' },
            { name: 'VERDICT' },
            { name: 'ROWS', align: 'right' },
            { name: 'CHUNKS', align: 'right' },
            { name: 'WITH' },
            { name: 'POSITION' },
            { name: 'WHEN' },
          ],
          tables.map(({ table, verdict, rows, chunks, nodes, to, finishedAt }) => [
            ...[table, verdict, String(rows), String(chunks), nodes.join(', ') || '-', to || '-', finishedAt],
          ]),
        );
  for (const table of tables) lines.push(...details(table));
  if (last?.ended) lines.push('', `The last comparison ended early: ${terminalLine(last.ended)}`);
  if (running) lines.push('', 'A comparison is running.');
  lines.push('', `All tables were last compared ${lastCompleteAt ?? 'never'}.`);
  return `${lines.join('\n')}\n`;
}

function details({ table, reason, differences, more }: Table): string[] {
  const lines = reason === null ? [] : ['', `${table}: ${reason}`];
  for (const { key, after, upTo, rows, nodes, repair } of differences.slice(0, RANGES_SHOWN)) {
    const where =
      key.length === 0
        ? 'the whole table'
        : `(${key.join(', ')}) after ${border(after, 'the beginning')} up to ${border(upTo, 'the end')}`;
    const who = nodes.map((node) => `${node.node} has ${node.rows} rows`).join(', ');
    lines.push('', `${table}: ${where}: ${who}, the primary ${rows}${repair === null ? '' : `. ${repair}`}`);
  }
  const left = Math.max(0, differences.length - RANGES_SHOWN) + more;
  if (left > 0) lines.push('', `${table}: ${left} more ranges differ.`);
  return lines.map((line) => terminalLine(line));
}

function border(values: readonly string[] | null, none: string): string {
  return values === null ? none : `(${values.join(', ')})`;
}

import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { SkeinError } from '../model/error.js';
import { KEPT_SPOOL, listRecovered, recoveredDirectory, recoveredFile } from '../recovered/list.js';
import { nearest } from '../std/nearest.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { textTable } from './text-table.js';
import { UsageError } from './usage-error.js';

const ACTIONS = ['list', 'show'] as const;

export const recoveredCommand: Command = {
  usage: 'list <directory> | show <directory> [<name>]',
  description: `Shows the transactions that a node of this machine kept before its server was filled from another node: those that only
this server had, with their rows. After skein promote --force also the logs that were given up. The directory is the node's, for example .skein/n2.

  list   what was kept, when and why
  show   the transactions as text (default: the newest)`,
  options: { json: { type: 'boolean', help: 'list: as JSON' } },
  examples: [
    ['skein recovered list .skein/n2', 'what was kept'],
    ['skein recovered show .skein/n2', 'the newest, with its rows'],
  ],
  positionals: [2, 3],

  async run(context, values) {
    const [action = '', place = ''] = values.positionals;
    if (!ACTIONS.some((known) => known === action)) {
      const guess = nearest(action, ACTIONS);
      throw new UsageError(
        `recovered ${action}: expected one of ${ACTIONS.join(', ')}.${guess ? ` Did you mean ${guess}?` : ''}`,
      );
    }
    const directory = resolve(context.cwd, place);
    return action === 'list' ? list(context, values, directory) : show(context, values, directory);
  },
};

async function list({ terminal }: CommandContext, values: ParsedValues, directory: string): Promise<number> {
  const entries = await listRecovered(directory);
  if (values.flag('json')) {
    terminal.json(`${JSON.stringify(entries, null, 2)}\n`);
    return 0;
  }
  const lines = textTable(
    [
      { name: 'NAME' },
      { name: 'TRANSACTIONS', align: 'right' },
      { name: 'FIRST' },
      { name: 'LAST' },
      { name: 'REASON' },
    ],
    entries.map(({ name, transactions, first, last, reason, unreadable }) => [
      name,
      transactions === null ? '?' : String(transactions),
      first,
      last,
      unreadable === null ? reason : `${reason} (the log could not be read: ${unreadable})`,
    ]),
  );
  terminal.out(`${lines.join('\n')}\n`);
  return 0;
}

async function show({ terminal }: CommandContext, values: ParsedValues, directory: string): Promise<number> {
  const entries = await listRecovered(directory);
  const wanted = values.positionals[2];
  const entry = wanted === undefined ? entries.at(-1) : entries.find(({ name }) => name === wanted);
  if (!entry)
    throw new SkeinError(
      'NOT_FOUND',
      `Nothing${wanted === undefined ? '' : ` of the name ${wanted}`} was kept in ${directory}.`,
    );
  if (entry.isSpool) {
    const place = join(recoveredDirectory(directory), entry.name, KEPT_SPOOL);
    terminal.out(
      `${entry.reason}\nThe whole log is in ${place}${entry.transactions === null ? '' : `; its last ${entry.transactions} transactions are not in the cluster's history`}. Its records:\n  skein spool show ${place}\nThose that its server had executed are kept with their rows, as an entry of their own, when the server is filled.\n`,
    );
    return 0;
  }
  if (entry.unreadable !== null)
    throw new SkeinError(
      'NOT_FOUND',
      `The log could not be read (${entry.unreadable}); its files are in ${directory}/recovered/${entry.name}/binlog.`,
    );
  for await (const line of createInterface({ input: createReadStream(recoveredFile(directory, entry.name)) }))
    terminal.out(`${line}\n`);
  return 0;
}

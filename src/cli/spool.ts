import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { flavour } from '../flavour/current.js';
import { messageOf, SkeinError } from '../model/error.js';
import { listSegments, type SpoolInfo, showRecords, verify } from '../spool/inspect.js';
import { nearest } from '../std/nearest.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { textTable } from './text-table.js';
import { UsageError } from './usage-error.js';

const ACTIONS = ['list', 'show', 'verify'] as const;
const SHOWN = 20;
const ORDINAL = { least: 0, most: Number.MAX_SAFE_INTEGER };

const modules = { gtidText: flavour.gtidText };

export const spoolCommand: Command = {
  usage: 'list|show|verify <directory> [options]',
  description: `Shows the spool of a replica on this machine: the changes that the replica has received and made durable. The command
changes nothing, and the node may be running. The directory is the node's (.skein/n2) or the spool's own (.skein/n2/spool).

  list     the files, and the ordinals that each holds
  show     single records: ordinal, GTID, size, time
  verify   checks every record; exit code 1 when something is damaged`,
  options: {
    from: { type: 'string', value: '<ordinal>', help: 'show: the first one (default: the spool’s first)' },
    count: { type: 'string', value: '<number>', help: `show: how many (default ${SHOWN})` },
    json: { type: 'boolean', help: 'as JSON' },
  },
  examples: [
    ['skein spool list .skein/n2', 'what is there'],
    ['skein spool show .skein/n2 --from 1000 --count 5', 'five records from ordinal 1000 on'],
    ['skein spool verify .skein/n2', 'whether it is intact'],
  ],
  positionals: [1, 2],

  async run(context, values) {
    const [action = '', place] = values.positionals;
    if (!ACTIONS.some((known) => known === action)) {
      const guess = nearest(action, ACTIONS);
      throw new UsageError(
        `spool ${action}: expected one of ${ACTIONS.join(', ')}.${guess ? ` Did you mean ${guess}?` : ''}`,
      );
    }
    if (place === undefined) throw new UsageError(`spool ${action} needs a directory, for example .skein/n2`);
    const directory = spoolDirectory(context, place);
    try {
      if (action === 'list') return await list(context, values, directory);
      if (action === 'show') return await show(context, values, directory);
      return await check(context, values, directory);
    } catch (error) {
      if (error instanceof SkeinError) throw error;
      throw new SkeinError('SPOOL_UNREADABLE', `The spool ${directory} cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
  },
};

function spoolDirectory({ cwd }: CommandContext, place: string): string {
  const given = resolve(cwd, place);
  for (const directory of [join(given, 'spool'), given]) {
    if (existsSync(directory) && readdirSync(directory).some((name) => name.endsWith('.seg')))
      return directory;
  }
  throw new SkeinError('SPOOL_UNREADABLE', `There is no spool at ${given}.`);
}

async function list({ terminal }: CommandContext, values: ParsedValues, directory: string): Promise<number> {
  const info = await listSegments(directory, modules);
  if (values.flag('json')) {
    terminal.json(`${JSON.stringify(info, null, 2)}\n`);
    return 0;
  }
  const lines = textTable(
    [
      { name: 'FILE' },
      { name: 'BYTES', align: 'right' },
      { name: 'FROM', align: 'right' },
      { name: 'TO', align: 'right' },
      { name: 'TRANSACTIONS', align: 'right' },
      { name: 'EPOCH', align: 'right' },
      { name: 'LAST GTID' },
    ],
    info.segments.map(({ file, bytes, firstOrdinal, lastOrdinal, groups, lastEpoch, lastGtid }) => [
      file,
      ...[bytes, firstOrdinal, lastOrdinal, groups, lastEpoch].map(String),
      lastGtid,
    ]),
  );
  terminal.out(`${lines.join('\n')}\n\n${endText(info)}\n`);
  return 0;
}

function endText({ end, committed, damage }: SpoolInfo): string {
  const text = `ends with ordinal ${end.ordinal} (${end.gtid || 'nothing yet'}), committed up to ${committed}`;
  return damage === null ? text : `${text}\nDAMAGED: ${damage.reason}`;
}

async function show({ terminal }: CommandContext, values: ParsedValues, directory: string): Promise<number> {
  const count = values.integer('count', { least: 1, most: 100_000 }) ?? SHOWN;
  const from = values.integer('from', ORDINAL) ?? (await listSegments(directory, modules)).begin;
  const records = await showRecords(directory, from, count, modules);
  if (values.flag('json')) {
    terminal.json(`${JSON.stringify(records, null, 2)}\n`);
    return 0;
  }
  const lines = textTable(
    [
      { name: 'ORDINAL', align: 'right' },
      { name: 'KIND' },
      { name: 'PART' },
      { name: 'BYTES', align: 'right' },
      { name: 'EPOCH', align: 'right' },
      { name: 'GTID' },
      { name: 'AT' },
      { name: 'FILE' },
      { name: 'OFFSET', align: 'right' },
    ],
    records.map(({ ordinal, kind, part, bytes, epoch, gtid, at, file, offset }) => [
      String(ordinal),
      kind,
      part,
      String(bytes),
      String(epoch),
      gtid,
      at,
      file,
      String(offset),
    ]),
  );
  terminal.out(`${lines.join('\n')}\n`);
  return 0;
}

async function check({ terminal }: CommandContext, values: ParsedValues, directory: string): Promise<number> {
  const result = await verify(directory, modules);
  if (values.flag('json')) terminal.json(`${JSON.stringify(result, null, 2)}\n`);
  else terminal.out(`${result.summary}\n`);
  return result.ok ? 0 : 1;
}

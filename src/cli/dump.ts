import { type EventState, withEventState, withoutDefiner } from '../dump/adapt.js';
import { DumpSplitter } from '../dump/split-dump.js';
import { messageOf, SkeinError } from '../model/error.js';
import type { Command, CommandContext } from './command.js';
import { clientOf, type NodeClient } from './node-client.js';

const LAST_LINE = '-- Dump completed';
const USE = /^\s*USE\s+`((?:[^`]|``)*)`/i;

export const dumpCommand: Command = {
  usage: '[-d <database>] [--node <url>] > <file>',
  description: `Dumps a node's databases as SQL: rows, views, triggers, routines and events, at one position, which the dump contains.
Dump a replica to keep this work off the primary. Nothing is locked and nothing is written.
Objects are written without their DEFINER. So any account can load them, with \`skein load\` or another client, and becomes their definer.
Events are enabled or disabled as on the primary. With -d one database is dumped without its name, so that it can be loaded into another.`,
  options: {
    database: {
      type: 'string',
      short: 'd',
      value: '<name>',
      help: "only this one (default: all but the system's own)",
    },
    node: { type: 'string', value: '<url>', help: 'the node to dump (default: SKEIN_URL)' },
  },
  examples: [
    ['skein dump --node http://127.0.0.1:8084 > all.sql', 'all databases, from a replica'],
    [
      'skein dump -d shop > shop.sql && skein load shop.sql -d copy',
      'one database, loaded under another name',
    ],
  ],
  positionals: [0, 0],

  async run(context, values) {
    const client = clientOf(context, values.text('node'));
    const database = values.text('database');
    const states = await eventStates(context, client);
    const query = database === undefined ? '' : `?database=${encodeURIComponent(database)}`;
    const { objects } = await write(context, client.bytes(`/v1/dump${query}`), {
      database: database ?? '',
      states,
    });
    context.terminal.err(`The dump is complete. ${objects} objects were written without their DEFINER.\n`);
    return 0;
  },
};

/** By schema and name. A replica has all events disabled, so only the primary knows which are enabled. */
type EventStates = ReadonlyMap<string, EventState>;

const keyOf = (schema: string, name: string) => JSON.stringify([schema, name]);

async function eventStates({ terminal }: CommandContext, client: NodeClient): Promise<EventStates> {
  try {
    const { body } = await client.request<{ results: { rows: string[][] }[] }>('POST', '/v1/sql', {
      sql: 'SELECT event_schema, event_name, status FROM information_schema.events',
      read: { level: 'primary' },
      forward: true,
    });
    const rows = body.results[0]?.rows ?? [];
    return new Map(
      rows.map(([schema = '', name = '', status]) => [
        keyOf(schema, name),
        status === 'ENABLED' ? 'ENABLE' : 'DISABLE',
      ]),
    );
  } catch (error) {
    terminal.err(
      `The primary did not answer which events are enabled (${messageOf(error)}). All events are written as disabled.\n`,
    );
    return new Map();
  }
}

async function write(
  { terminal, signal }: CommandContext,
  input: AsyncIterable<Uint8Array>,
  options: { database: string; states: EventStates },
): Promise<{ objects: number }> {
  const splitter = new DumpSplitter();
  let { database } = options;
  let objects = 0;
  const adapted = (text: string): string => {
    const use = USE.exec(text);
    if (use) database = utf8((use[1] ?? '').replaceAll('``', '`'));
    const { sql, definer } = withoutDefiner(text);
    if (definer) objects++;
    return withEventState(sql ?? '', (name) => options.states.get(keyOf(database, utf8(name))) ?? 'DISABLE');
  };
  const pieces = (atEnd: boolean): string => {
    let text = '';
    for (let next = splitter.next(atEnd); next; next = splitter.next(atEnd))
      text += next.before + adapted(next.text) + next.delimiter;
    return text;
  };
  for await (const bytes of input) {
    signal.throwIfAborted();
    splitter.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    await terminal.write(Buffer.from(pieces(false), 'latin1'));
    if (terminal.isGone())
      throw new SkeinError('DUMP_NOT_WRITTEN', 'The output was closed before the dump was complete.');
  }
  const rest = pieces(true) + splitter.tail;
  await terminal.write(Buffer.from(rest, 'latin1'));
  if (!rest.includes(LAST_LINE)) {
    throw new SkeinError(
      'DUMP_NOT_WHOLE',
      `The dump is not complete: it ended before its last line ("${LAST_LINE}").`,
    );
  }
  return { objects };
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

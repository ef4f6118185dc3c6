import type { Command } from './command.js';
import { ANSWER_TIMEOUT_MS, clientOf } from './node-client.js';
import { formatResults, type SqlAnswer } from './sql-text.js';
import { UsageError } from './usage-error.js';

const LEVELS = ['local', 'session'] as const;

export const sqlCommand: Command = {
  usage: '["<statement>"] [options]',
  description: `Runs a statement through POST /v1/sql and shows its rows as a table. Without an argument the statement
is read from standard input. Reads work on every node; a write has to go to the primary.

The position that is printed with each result is what --after takes: a node that is asked with --after answers
only when it has applied everything up to there, so you read on a replica what you wrote on the primary.`,
  options: {
    node: { type: 'string', value: '<url>', help: 'the node to ask (default: SKEIN_URL)' },
    after: { type: 'string', value: '<position>', help: 'wait until the node has applied this position' },
    level: { type: 'string', value: '<level>', help: `how fresh a read is: ${LEVELS.join(' or ')}` },
    database: { type: 'string', short: 'd', value: '<name>', help: 'the default database of the statement' },
    param: { type: 'string', short: 'p', multiple: true, value: '<value>', help: 'a value for the next ?' },
    timeout: { type: 'string', value: '<ms>', help: 'give up after this time (default 30000)' },
    json: { type: 'boolean', help: "the node's answer as JSON" },
  },
  examples: [
    ['skein sql "SELECT NOW()"', 'one statement'],
    ['skein sql -d shop "SELECT * FROM orders WHERE id = ?" -p 17', 'with a parameter: bound by the server'],
    [
      'skein sql --node http://127.0.0.1:8084 --after 1.57.0-1000001-57 "SELECT COUNT(*) FROM shop.orders"',
      'read your own write on a replica',
    ],
    ['skein sql -d shop < query.sql', 'from a file'],
  ],
  positionals: [0, 1],

  async run(context, values) {
    const { terminal } = context;
    const timeoutMs = values.integer('timeout', { least: 1, most: 3_600_000 });
    const level = values.oneOf('level', LEVELS);
    const after = values.text('after');
    const sql = (values.positionals[0] ?? (await terminal.stdin())).trim();
    if (sql === '')
      throw new UsageError('There is no statement: give it as an argument or on standard input.');
    const params = values.texts('param');
    const request = {
      sql,
      ...(params.length > 0 ? { params } : {}),
      ...(after !== undefined || level !== undefined
        ? { read: { level: level ?? 'session', ...(after === undefined ? {} : { after }) } }
        : {}),
      ...(values.text('database') === undefined ? {} : { database: values.text('database') }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    // The node answers at its deadline; the client waits slightly longer.
    const answerTimeoutMs = Math.max(ANSWER_TIMEOUT_MS, (timeoutMs ?? 0) + 5000);
    const client = clientOf(context, values.text('node'));
    const { body, text: raw } = await client.request<SqlAnswer>('POST', '/v1/sql', request, answerTimeoutMs);
    if (values.flag('json')) {
      terminal.json(`${raw}\n`);
      return 0;
    }
    const { text, summary } = formatResults(body);
    terminal.out(text);
    // On standard error, so that a redirected result holds rows only.
    terminal.err(summary);
    return 0;
  },
};

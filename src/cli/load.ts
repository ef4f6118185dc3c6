import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Adapter } from '../dump/adapt.js';
import { DumpSplitter, type DumpStatement } from '../dump/split-dump.js';
import { messageOf, SkeinError } from '../model/error.js';
import { Connection } from '../mysql-client/connection.js';
import { STATUS } from '../mysql-client/replies.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import { backoffMs, sleep } from '../std/timing.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { UsageError } from './usage-error.js';

const CONNECT_TIMEOUT_MS = 10_000;
/** Characters of a failed statement that are shown. */
const SHOWN_MAX = 120;
/** The server ended the statement, because another session and it waited for each other's locks. */
/** Tries of a statement that deadlocks: together about three seconds. */
const DEADLOCK_TRIES = 8;

interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export const loadCommand: Command = {
  usage: '[<file>] [-d <database>] [options]',
  description: `Loads a dump of mariadb-dump, mysqldump or \`skein dump\`, from a file or standard input, through a read-write MySQL port.
The loading account becomes the DEFINER of views, routines, triggers and events, because only a superuser may name another one.
Accounts, replication settings and system schemas are left out. The command prints one line for each such change.
A dump is not one transaction: when a statement fails, the statements before it stay. Loading again starts from the beginning.`,
  options: {
    database: {
      type: 'string',
      short: 'd',
      value: '<name>',
      help: 'the default database at the beginning',
    },
    user: {
      type: 'string',
      value: '<name>',
      help: 'log in as this account; SKEIN_PASSWORD holds its password',
    },
    host: { type: 'string', value: '<host>', help: 'host of the port (default: from .skein/mysql.cnf)' },
    port: {
      type: 'string',
      value: '<port>',
      help: 'a read-write port of any node (default: from .skein/mysql.cnf)',
    },
    quiet: { type: 'boolean', help: 'print only the number of changes of each kind, and errors' },
  },
  examples: [
    ['skein load < shop.sql', 'as the account of .skein/mysql.cnf'],
    ['SKEIN_PASSWORD=... skein load shop.sql --user shop -d shop', 'as an account of an application'],
  ],
  positionals: [0, 1],

  async run(context, values) {
    const login = loginOf(context, values);
    const [file] = values.positionals;
    const input = file === undefined ? context.terminal.input() : await fileInput(resolve(context.cwd, file));
    const connection = await connect(login, values.text('database'));
    try {
      return await load(context, values, { connection, input, user: login.user });
    } finally {
      connection.destroy();
    }
  },
};

/** @throws SkeinError FILE_UNREADABLE */
async function fileInput(path: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    const file = await open(path, 'r');
    return file.createReadStream();
  } catch (error) {
    throw new SkeinError('FILE_UNREADABLE', `The dump cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** @throws UsageError */
function loginOf({ cwd, env }: CommandContext, values: ParsedValues): Login {
  const path = join(cwd, '.skein', 'mysql.cnf');
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Without the file, the options must give all values.
  }
  const inFile = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1]?.trim();
  const user = values.text('user');
  const port = values.integer('port', { least: 1, most: 65_535 }) ?? Number(inFile('port') ?? 0);
  const password = user === undefined ? inFile('password') : env.SKEIN_PASSWORD;
  if (port === 0) throw new UsageError(`--port is missing, and there is no ${path}.`);
  if (password === undefined) {
    throw new UsageError(
      user === undefined ? `--user is missing, and there is no ${path}.` : 'SKEIN_PASSWORD is not set.',
    );
  }
  return {
    host: values.text('host') ?? inFile('host') ?? '127.0.0.1',
    port,
    user: user ?? inFile('user') ?? 'app',
    password,
  };
}

async function connect(login: Login, database: string | undefined): Promise<Connection> {
  try {
    const { host, port, user, password } = login;
    const connection = await Connection.connect({
      ...{ address: { host, port }, user, password, database },
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    await connection.run('SET NAMES utf8mb4');
    return connection;
  } catch (error) {
    throw new SkeinError(
      'LOGIN_FAILED',
      `${login.user} cannot log in at ${login.host}:${login.port}: ${said(error)}`,
      { cause: error },
    );
  }
}

async function load(
  { terminal, signal }: CommandContext,
  values: ParsedValues,
  parts: { connection: Connection; input: AsyncIterable<Uint8Array>; user: string },
): Promise<number> {
  const { connection, input, user } = parts;
  const splitter = new DumpSplitter();
  const adapter = new Adapter();
  const counts = { executed: 0, changed: 0, leftOut: 0 };
  const say = ({ line }: DumpStatement, what: string) => terminal.err(`line ${line}: ${what}\n`);
  const take = async (statement: DumpStatement) => {
    signal.throwIfAborted();
    const { sql, leftOut, definer } = adapter.adapt(statement.text);
    if (sql === null) counts.leftOut++;
    if (definer) counts.changed++;
    if (!values.flag('quiet')) {
      if (leftOut !== null) say(statement, `left out (${leftOut}): ${shown(statement.text)}`);
      if (definer) say(statement, `${text(definer.object)}: DEFINER=${text(definer.was)} became ${user}`);
    }
    if (sql === null) return;
    splitter.plainBackslashes = await execute(connection, sql, statement, counts.executed, signal);
    counts.executed++;
  };
  const takeAll = async (atEnd: boolean) => {
    for (let next = splitter.next(atEnd); next; next = splitter.next(atEnd)) await take(next);
  };
  for await (const bytes of input) {
    splitter.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    await takeAll(false);
  }
  await takeAll(true);
  terminal.err(
    `Loaded as ${user}: ${counts.executed} statements, ${counts.changed} of them with another DEFINER; ${counts.leftOut} left out.\n`,
  );
  return 0;
}

/** Returns whether backslashes in strings have no special meaning in the session from now on. @throws SkeinError LOAD_FAILED */
async function execute(
  connection: Connection,
  sql: string,
  { line }: DumpStatement,
  before: number,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    // Bytes are sent unchanged; the dump itself declares their character set.
    await repeatedAfterDeadlock(connection, () => connection.queryRows(sql, 'latin1'), signal);
    return (connection.status & STATUS.noBackslashEscapes) !== 0;
  } catch (error) {
    throw new SkeinError(
      'LOAD_FAILED',
      `line ${line}: ${said(error)}\n  in: ${shown(sql)}\nThe ${before} statements before it have been executed, and stay.`,
      { cause: error },
    );
  }
}

/** A deadlock takes back the whole transaction. So only a statement that is a transaction of its own is repeated. */
async function repeatedAfterDeadlock<T>(
  connection: Connection,
  query: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { autocommit, inTransaction } = STATUS;
  const alone = (connection.status & (autocommit | inTransaction)) === autocommit;
  for (let attempt = 1; ; attempt++) {
    try {
      return await query();
    } catch (error) {
      const { errno } = error as { errno?: number };
      if (!alone || errno !== ERRNO.deadlock || attempt === DEADLOCK_TRIES) throw error;
      await sleep(backoffMs(attempt, 25, 1000), signal);
    }
  }
}

/** The dump's bytes for people, as UTF-8, which they nearly always are. */
function text(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function said(error: unknown): string {
  const { errno } = error as { errno?: number };
  return `${messageOf(error)}${errno === undefined ? '' : ` (${errno})`}`;
}

/** The statement for a terminal: control characters escaped. */
function shown(sql: string): string {
  const line = text(sql.slice(0, SHOWN_MAX * 4))
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)}...` : line;
}

import { USER_ROLES } from '../model/user.js';
import { nearest } from '../std/nearest.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { clientOf } from './node-client.js';
import { textTable } from './text-table.js';
import { UsageError } from './usage-error.js';

interface UserEntry {
  name: string;
  role: string;
  databases: string[] | null;
  createdAt: string;
  passwordAt: string;
}

interface NewPassword {
  name: string;
  password: string;
  acknowledgedBy: string[];
}

const ACTIONS: Readonly<Record<string, (context: CommandContext, values: ParsedValues) => Promise<number>>> =
  { create, list, rotate, drop };

export const userCommand: Command = {
  usage: 'create <name> --role <role> [--database <name> ...] | list | rotate <name> | drop <name> [--force]',
  description: `An account works on the MySQL ports of every node of the cluster, and the server's list of sessions shows its name.
The cluster makes its password and shows it once. Rotating or dropping an account ends its sessions on every node.
Roles:  read   queries, on the read-only ports
        write  queries and changes of data and tables on the read-write ports; queries on the read-only ports
An account has no more rights than a token of its role. With --database it sees only those databases.`,
  options: {
    role: { type: 'string', value: '<role>', help: `what the account may do: ${USER_ROLES.join(', ')}` },
    database: {
      type: 'string',
      short: 'd',
      multiple: true,
      value: '<name>',
      help: 'create: only this database (may be repeated); it need not exist yet',
    },
    force: {
      type: 'boolean',
      help: 'drop: even if views, routines, triggers or events run as this account',
    },
    node: {
      type: 'string',
      value: '<url>',
      help: 'the node to ask (default: SKEIN_URL); changes need the primary',
    },
    json: { type: 'boolean', help: "the node's answer as JSON" },
  },
  examples: [
    ['skein user create shop --role write --database shop', 'for an application'],
    ['PASSWORD=$(skein user create reports --role read)', 'the password alone is on standard output'],
    ['skein user rotate shop', 'a new password; the old one is no longer valid, and its sessions end'],
    ['skein user drop shop', 'on every node'],
  ],
  positionals: [1, 2],

  async run(context, values) {
    const action = values.positionals[0] ?? '';
    const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (run) return run(context, values);
    const names = Object.keys(ACTIONS);
    const guess = nearest(action, names);
    throw new UsageError(
      `user ${action}: expected one of ${names.join(', ')}.${guess ? ` Did you mean ${guess}?` : ''}`,
    );
  },
};

function nameOf(values: ParsedValues): string {
  const [action, name] = values.positionals;
  if (name === undefined) throw new UsageError(`${action} needs the name of an account.`);
  return name;
}

async function create(context: CommandContext, values: ParsedValues): Promise<number> {
  const name = nameOf(values);
  const role = values.oneOf('role', USER_ROLES);
  if (role === undefined)
    throw new UsageError(`--role is missing; expected one of ${USER_ROLES.join(', ')}.`);
  const databases = values.texts('database');
  const { body } = await clientOf(context, values.text('node')).request<NewPassword>('POST', '/v1/users', {
    name,
    role,
    databases: databases.length === 0 ? null : databases,
  });
  const where = databases.length === 0 ? 'all databases' : `only ${databases.join(', ')}`;
  return showPassword(context, values, body, `Account ${name} (${role}, ${where}).`);
}

async function rotate(context: CommandContext, values: ParsedValues): Promise<number> {
  const name = nameOf(values);
  const { body } = await clientOf(context, values.text('node')).request<NewPassword>(
    'POST',
    `/v1/users/${encodeURIComponent(name)}/rotate`,
    {},
  );
  return showPassword(context, values, body, `Account ${name} has a new password; its sessions end.`);
}

function showPassword(
  { terminal }: CommandContext,
  values: ParsedValues,
  body: NewPassword,
  what: string,
): number {
  if (values.flag('json')) {
    terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    return 0;
  }
  const others = body.acknowledgedBy.length === 0 ? 'no replica yet' : body.acknowledgedBy.join(', ');
  terminal.err(
    `${what} The change is on the disk of: ${others}. Every node has it within a second of applying it. The password is shown only this once:\n`,
  );
  terminal.out(`${body.password}\n`);
  return 0;
}

async function list(context: CommandContext, values: ParsedValues): Promise<number> {
  if (values.positionals.length > 1) {
    throw new UsageError(`"${values.positionals[1]}" is one argument too many.`);
  }
  const { body } = await clientOf(context, values.text('node')).request<{ users: UserEntry[] }>(
    'GET',
    '/v1/users',
  );
  if (values.flag('json')) {
    context.terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    return 0;
  }
  const lines = textTable(
    [{ name: 'NAME' }, { name: 'ROLE' }, { name: 'DATABASES' }, { name: 'CREATED' }, { name: 'PASSWORD OF' }],
    body.users.map(({ name, role, databases, createdAt, passwordAt }) => [
      name,
      role,
      databases === null ? 'all' : databases.join(', '),
      minute(createdAt),
      minute(passwordAt),
    ]),
  );
  context.terminal.out(`${lines.join('\n')}\n`);
  return 0;
}

/** ISO times are in UTC. */
function minute(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')}Z`;
}

async function drop(context: CommandContext, values: ParsedValues): Promise<number> {
  const name = nameOf(values);
  const { body } = await clientOf(context, values.text('node')).request<object>(
    'DELETE',
    `/v1/users/${encodeURIComponent(name)}${values.flag('force') ? '?force=true' : ''}`,
  );
  if (values.flag('json')) context.terminal.json(`${JSON.stringify(body, null, 2)}\n`);
  else context.terminal.err(`Account ${name} is dropped, and its sessions end.\n`);
  return 0;
}

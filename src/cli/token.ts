import { nearest } from '../std/nearest.js';
import type { Command, CommandContext } from './command.js';
import { clientOf } from './node-client.js';
import type { ParsedValues } from './parse-arguments.js';
import { textTable } from './text-table.js';
import { UsageError } from './usage-error.js';

const ROLES = ['read', 'write', 'admin'] as const;
const ACTIONS = ['create', 'list', 'revoke'] as const;

interface TokenEntry {
  id: string;
  name: string;
  role: string;
  createdAt: string;
  token?: string;
}

export const tokenCommand: Command = {
  usage: 'create --role <role> [--name <name>] | list | revoke <id>',
  description: `A token works on every node of the cluster. It is shown once, when it is created; the cluster keeps only a hash.
Roles:  read   queries, on any node
        write  queries and changes of data and tables
        admin  all that, tokens and the cluster itself
Each role has its own account on the database server, so that the server itself holds it to its rights.`,
  options: {
    role: { type: 'string', value: '<role>', help: `what the token may do: ${ROLES.join(', ')}` },
    name: { type: 'string', value: '<name>', help: 'what it is for, to recognise it in the list' },
    node: { type: 'string', value: '<url>', help: 'the node to ask (default: SKEIN_URL)' },
    json: { type: 'boolean', help: "the node's answer as it is" },
  },
  examples: [
    ['skein token create --role write --name shop', 'for an application'],
    ['export SKEIN_TOKEN=$(skein token create --role read)', 'the token alone is on standard output'],
    ['skein token revoke tok_VoiTEAowrV1d', 'no longer valid, on any node; `skein token list` shows the ids'],
  ],
  positionals: [1, 2],

  async run(context, values) {
    const action = values.positionals[0] ?? '';
    if (values.positionals.length > (action === 'revoke' ? 2 : 1)) {
      throw new UsageError(`"${values.positionals[1]}" is one argument too many.`);
    }
    if (action === 'create') return create(context, values);
    if (action === 'list') return list(context, values);
    if (action === 'revoke') return revoke(context, values);
    const guess = nearest(action, ACTIONS);
    throw new UsageError(
      `token ${action}: expected one of ${ACTIONS.join(', ')}.${guess ? ` Did you mean ${guess}?` : ''}`,
    );
  },
};

async function create(context: CommandContext, values: ParsedValues): Promise<number> {
  const role = values.oneOf('role', ROLES);
  if (role === undefined) throw new UsageError(`--role is missing; expected one of ${ROLES.join(', ')}.`);
  const client = clientOf(context, values.text('node'));
  const { body } = await client.request<TokenEntry>('POST', '/v1/tokens', {
    role,
    name: values.text('name') ?? role,
  });
  const { terminal } = context;
  if (values.flag('json')) {
    terminal.out(`${JSON.stringify(body, null, 2)}\n`);
  } else {
    terminal.err(`Token ${body.id} (${body.role}, "${body.name}"). It is shown this once:\n`);
    terminal.out(`${body.token}\n`);
  }
  return 0;
}

async function list(context: CommandContext, values: ParsedValues): Promise<number> {
  const client = clientOf(context, values.text('node'));
  const { body } = await client.request<{ tokens: TokenEntry[] }>('GET', '/v1/tokens');
  if (values.flag('json')) {
    context.terminal.out(`${JSON.stringify(body, null, 2)}\n`);
    return 0;
  }
  const lines = textTable(
    [{ name: 'ID' }, { name: 'ROLE' }, { name: 'NAME' }, { name: 'CREATED' }],
    body.tokens.map(({ id, role, name, createdAt }) => [String(id), role, name, createdAt]),
  );
  context.terminal.out(`${lines.join('\n')}\n`);
  return 0;
}

async function revoke(context: CommandContext, values: ParsedValues): Promise<number> {
  const id = values.positionals[1];
  if (id === undefined)
    throw new UsageError('revoke needs the id of a token; `skein token list` shows them.');
  const client = clientOf(context, values.text('node'));
  const { body } = await client.request<unknown>('DELETE', `/v1/tokens/${encodeURIComponent(id)}`);
  if (values.flag('json')) context.terminal.out(`${JSON.stringify(body ?? {}, null, 2)}\n`);
  else context.terminal.err(`Token ${id} is revoked.\n`);
  return 0;
}

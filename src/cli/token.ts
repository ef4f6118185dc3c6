import { nearest } from '../std/nearest.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { clientOf, type NodeClient } from './node-client.js';
import { textTable } from './text-table.js';
import { createJoinToken, isJoinTokenId, joinTokenLines, listJoinTokens } from './token-join.js';
import { UsageError } from './usage-error.js';

const ROLES = ['read', 'write', 'admin'] as const;
const ACTIONS = ['create', 'join', 'list', 'rotate', 'revoke'] as const;

interface TokenEntry {
  id: string;
  name: string;
  role: string;
  createdAt: string;
  expiresAt: string | null;
  rateLimit: number | null;
  lastUsedAt: string | null;
  token?: string;
}

const OTHER_NODE_TIMEOUT_MS = 2_000;
const SECONDS = { s: 1, min: 60, h: 3600, d: 86_400 } as const;

export const tokenCommand: Command = {
  usage: 'create --role <role> [options] | join | list | rotate <id> [--grace <time>] | revoke <id>',
  description: `A token works on every node of the cluster. It is shown once, when it is created; the cluster keeps only a hash.
Roles:  read   queries, on any node
        write  queries and changes of data and tables
        admin  all that, tokens and the cluster itself
Each role has its own account on the database server, so the server itself enforces the role's rights.
\`join\` makes another kind of token: with it one machine becomes a member of the cluster, once, within an hour.`,
  options: {
    role: { type: 'string', value: '<role>', help: `what the token may do: ${ROLES.join(', ')}` },
    name: { type: 'string', value: '<name>', help: 'what it is for, to recognise it in the list' },
    expires: {
      type: 'string',
      value: '<time>',
      help: 'create: expires after this time (90d, 12h) or at an ISO time; join: 1h at most (default 1h)',
    },
    'rate-limit': { type: 'string', value: '<number>', help: 'create: requests per second on each node' },
    grace: {
      type: 'string',
      value: '<time>',
      help: 'rotate: the old text stays valid for this long (up to 1d)',
    },
    node: { type: 'string', value: '<url>', help: 'the node to ask (default: SKEIN_URL)' },
    json: { type: 'boolean', help: "the node's answer as JSON" },
  },
  examples: [
    ['skein token create --role write --name shop', 'for an application'],
    ['export SKEIN_TOKEN=$(skein token create --role read)', 'the token alone is on standard output'],
    ['skein token join', 'prints the line to run on a machine that is to join'],
    ['skein token rotate tok_VoiTEAowrV1d --grace 1h', 'a new text; the old one stays valid for an hour'],
    ['skein token revoke tok_VoiTEAowrV1d', 'no longer valid, on any node; `skein token list` shows the ids'],
  ],
  positionals: [1, 2],

  async run(context, values) {
    const action = values.positionals[0] ?? '';
    if (values.positionals.length > (action === 'revoke' || action === 'rotate' ? 2 : 1)) {
      throw new UsageError(`"${values.positionals[1]}" is one argument too many.`);
    }
    if (action === 'create') return create(context, values);
    if (action === 'join') return join(context, values);
    if (action === 'list') return list(context, values);
    if (action === 'rotate') return rotate(context, values);
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
    expiresAt: expiry(values.text('expires')),
    rateLimit: values.integer('rate-limit', { least: 1, most: 1_000_000 }) ?? null,
  });
  const { terminal } = context;
  if (values.flag('json')) {
    terminal.json(`${JSON.stringify(body, null, 2)}\n`);
  } else {
    terminal.err(`Token ${body.id} (${body.role}, "${body.name}"). It is shown this once:\n`);
    terminal.out(`${body.token}\n`);
  }
  return 0;
}

const JOIN_MAX_S = 3600;

function join(context: CommandContext, values: ParsedValues): Promise<number> {
  const expires = values.text('expires');
  const lifeS = expires === undefined ? JOIN_MAX_S : secondsOf('expires', expires);
  if (lifeS < 1 || lifeS > JOIN_MAX_S)
    throw new UsageError(`--expires ${expires}: a join token lives for 1h at most.`);
  return createJoinToken(context, { values, client: clientOf(context, values.text('node')), lifeS });
}

/** `90d` from now, or an ISO time as it is (the node checks it). */
function expiry(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (/^\d{4}-/.test(text)) return text;
  return new Date(Date.now() + secondsOf('expires', text) * 1000).toISOString();
}

function secondsOf(option: string, text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})(s|min|h|d)$/.exec(text) ?? [];
  if (number === '') throw new UsageError(`--${option} ${text}: expected a time such as 30min, 12h or 90d.`);
  return Number(number) * SECONDS[unit as keyof typeof SECONDS];
}

async function list(context: CommandContext, values: ParsedValues): Promise<number> {
  const client = clientOf(context, values.text('node'));
  const { body } = await client.request<{ tokens: TokenEntry[] }>('GET', '/v1/tokens');
  const [uses, joinTokens] = await Promise.all([lastUses(context, client), listJoinTokens(client)]);
  const tokens = body.tokens.map((token) => ({
    ...token,
    lastUsedAt: newest([token.lastUsedAt, ...uses.map((use) => use.get(token.id) ?? null)]),
  }));
  if (values.flag('json')) {
    context.terminal.json(`${JSON.stringify({ tokens, joinTokens }, null, 2)}\n`);
    return 0;
  }
  const lines = textTable(
    [
      { name: 'ID' },
      { name: 'ROLE' },
      { name: 'NAME' },
      { name: 'CREATED' },
      { name: 'EXPIRES' },
      { name: 'LIMIT' },
      { name: 'LAST USED' },
    ],
    tokens.map(({ id, role, name, createdAt, expiresAt, rateLimit, lastUsedAt }) => [
      String(id),
      role,
      name,
      minute(createdAt),
      expiresAt === null ? 'never' : minute(expiresAt),
      rateLimit === null ? '-' : `${rateLimit}/s`,
      lastUsedAt === null ? 'never' : minute(lastUsedAt),
    ]),
  );
  context.terminal.out(`${[...lines, ...joinTokenLines(joinTokens, minute)].join('\n')}\n`);
  return 0;
}

/** Each node knows only its own requests. A node that does not answer soon is left out. */
async function lastUses(context: CommandContext, client: NodeClient): Promise<Map<string, string | null>[]> {
  const { body } = await client.request<{ members: { http: string }[] }>('GET', '/v1/cluster');
  const others = body.members.map(({ http }) => http).filter((http) => http !== '' && http !== client.url);
  const answers = others.map(async (url) => {
    const { body } = await clientOf(context, url).request<{ tokens: TokenEntry[] }>(
      'GET',
      '/v1/tokens',
      undefined,
      OTHER_NODE_TIMEOUT_MS,
    );
    return new Map(body.tokens.map(({ id, lastUsedAt }) => [id, lastUsedAt]));
  });
  return (await Promise.allSettled(answers)).flatMap((answer) =>
    answer.status === 'fulfilled' ? [answer.value] : [],
  );
}

function newest(times: readonly (string | null)[]): string | null {
  return times.reduce((last, time) => (time !== null && (last === null || time > last) ? time : last), null);
}

/** ISO times are in UTC, and are compared and read as text. */
function minute(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')}Z`;
}

async function rotate(context: CommandContext, values: ParsedValues): Promise<number> {
  const id = values.positionals[1];
  if (id === undefined)
    throw new UsageError('rotate needs the id of a token; `skein token list` shows them.');
  const grace = values.text('grace');
  const { body } = await clientOf(context, values.text('node')).request<{ token: string }>(
    'POST',
    `/v1/tokens/${encodeURIComponent(id)}/rotate`,
    { graceSeconds: grace === undefined ? 0 : secondsOf('grace', grace) },
  );
  const { terminal } = context;
  if (values.flag('json')) {
    terminal.json(`${JSON.stringify(body, null, 2)}\n`);
  } else {
    const old =
      grace === undefined ? 'the old one is no longer valid' : `the old one stays valid for ${grace}`;
    terminal.err(`Token ${id} has a new text, shown this once; ${old}:\n`);
    terminal.out(`${body.token}\n`);
  }
  return 0;
}

async function revoke(context: CommandContext, values: ParsedValues): Promise<number> {
  const id = values.positionals[1];
  if (id === undefined)
    throw new UsageError('revoke needs the id of a token; `skein token list` shows them.');
  const client = clientOf(context, values.text('node'));
  const kind = isJoinTokenId(id) ? 'join-tokens' : 'tokens';
  const { body } = await client.request<unknown>('DELETE', `/v1/${kind}/${encodeURIComponent(id)}`);
  if (values.flag('json')) context.terminal.json(`${JSON.stringify(body ?? {}, null, 2)}\n`);
  else context.terminal.err(`Token ${id} is revoked.\n`);
  return 0;
}

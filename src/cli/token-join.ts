/** `skein token join`, and join tokens in the other actions of `skein token`. */
import type { CommandContext, ParsedValues } from './command.js';
import type { NodeClient } from './node-client.js';
import { textTable } from './text-table.js';

export interface JoinTokenEntry {
  readonly id: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly usedAt: string | null;
  readonly usedBy: string | null;
  readonly state: 'open' | 'used' | 'expired';
}

export const isJoinTokenId = (id: string) => /^[A-Za-z0-9_-]{22}$/.test(id) && !id.startsWith('tok_');

/** The one line for the other machine is on standard output. `lifeS`: seconds. */
export async function createJoinToken(
  { terminal }: CommandContext,
  { values, client, lifeS }: { values: ParsedValues; client: NodeClient; lifeS: number },
): Promise<number> {
  const { body } = await client.request<JoinTokenEntry & { token: string; address: string }>(
    'POST',
    '/v1/join-tokens',
    { expiresInSeconds: lifeS },
  );
  if (values.flag('json')) {
    terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    return 0;
  }
  terminal.err(
    `Run this on the machine that is to join. It works once, until ${body.expiresAt}; it is shown this once, and is as good as a password:\n`,
  );
  terminal.out(`skein join ${body.address} --token ${body.token}\n`);
  return 0;
}

export async function listJoinTokens(client: NodeClient): Promise<JoinTokenEntry[]> {
  return (await client.request<{ joinTokens: JoinTokenEntry[] }>('GET', '/v1/join-tokens')).body.joinTokens;
}

/** Lines below the list of tokens; none without join tokens. */
export function joinTokenLines(tokens: readonly JoinTokenEntry[], minute: (iso: string) => string): string[] {
  if (tokens.length === 0) return [];
  const columns = ['JOIN TOKEN', 'STATE', 'CREATED', 'EXPIRES', 'USED BY'].map((name) => ({ name }));
  return [
    '',
    ...textTable(
      columns,
      tokens.map(({ id, state, createdAt, expiresAt, usedBy }) => [
        id,
        state,
        minute(createdAt),
        minute(expiresAt),
        usedBy ?? '-',
      ]),
    ),
  ];
}

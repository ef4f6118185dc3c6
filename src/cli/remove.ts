import type { Command } from './command.js';
import { clientOf } from './node-client.js';

/** The change waits until a majority of the members before and after it has it. */
const TIMEOUT_MS = 60_000;

export const removeCommand: Command = {
  usage: '<name> [--json] [--node <url>]',
  description: `Removes a member from the cluster: it no longer counts in the quorum, and gets no more changes. Its process and its files stay
until you stop and remove them on its machine: all data, the cluster's secret, and the authority's key if Skein made its
certificate. With these it could still connect to the other members. The primary cannot be removed.
When one of two voters is gone for good, the other one cannot remove it: that needs a majority of both.`,
  options: {
    node: { type: 'string', value: '<url>', help: 'the node to ask (default: SKEIN_URL)' },
    json: { type: 'boolean', help: 'the document of GET /v1/members' },
  },
  examples: [['skein remove n4', 'then, on its machine: systemctl disable --now skein']],
  positionals: [1, 1],

  async run(context, values) {
    const name = values.positionals[0] ?? '';
    const { body } = await clientOf(context, values.text('node')).request<object>(
      'DELETE',
      `/v1/members/${encodeURIComponent(name)}`,
      undefined,
      TIMEOUT_MS,
    );
    if (values.flag('json')) context.terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    else {
      context.terminal.err(
        `${name} is no longer a member of the cluster. Stop it on its machine, and remove its directory there: it holds all data, the cluster's secret, and the authority's key if Skein made its certificate. If you cannot do that, see docs/security.md#a-member-that-was-removed.\n`,
      );
    }
    return 0;
  },
};

import { SkeinError } from '../model/error.js';
import type { ClusterStatus } from '../model/status.js';
import type { Command } from './command.js';
import { clientOf } from './node-client.js';
import { UsageError } from './usage-error.js';

export const maintenanceCommand: Command = {
  usage: 'on|off [<node>] [--json] [--node <url>]',
  description: `Begins or ends the maintenance of a node: of the named one, or of the one that is asked. A node in maintenance hands the
primary's role over as soon as another node can take it, and does not keep it; no other node is filled from it. It still votes
and acknowledges, so it counts for the quorum. It stays in maintenance over restarts. "skein status" shows it.`,
  options: {
    node: { type: 'string', value: '<url>', help: 'the node to ask (default: SKEIN_URL)' },
    json: { type: 'boolean', help: "the node's answer as JSON" },
  },
  examples: [
    ['skein maintenance on n2', 'before work on the machine of n2'],
    ['skein maintenance off n2', 'afterwards'],
  ],
  positionals: [1, 2],

  async run(context, values) {
    const [state, named] = values.positionals;
    if (state !== 'on' && state !== 'off')
      throw new UsageError(`"${state ?? ''}" is neither "on" nor "off".`);
    const asked = clientOf(context, values.text('node'));
    const { body: status } = await asked.request<ClusterStatus & { node?: string }>('GET', '/v1/cluster');
    const name = named ?? (await asked.request<{ node: string }>('GET', '/health')).body.node;
    const member = status.members.find((each) => each.name === name);
    if (!member?.http)
      throw new SkeinError('NOT_FOUND', `The cluster has no member ${name}, or its address is not known.`);
    const { body } = await clientOf(context, member.http).request<object>(
      'POST',
      `/v1/nodes/${encodeURIComponent(name)}/maintenance`,
      { on: state === 'on' },
    );
    if (values.flag('json')) context.terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    else
      context.terminal.err(
        state === 'on'
          ? `${name} is in maintenance. If it is the primary, another node takes over now: skein status\n`
          : `${name} is not in maintenance any more.\n`,
      );
    return 0;
  },
};

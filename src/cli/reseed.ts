import { isSkeinError } from '../model/error.js';
import type { Command } from './command.js';
import { clientOf } from './node-client.js';
import { UsageError } from './usage-error.js';

export const reseedCommand: Command = {
  usage: '<node> [--cancel] [--json] [--node <url>]',
  description: `Fills the database server of a replica from another node: a healthy replica if there is one, else the primary.
A replica does this by itself when its data is lost, too old or differs from the cluster's. It serves its old data until the
new data is complete, unless the old data is wrong. "skein status" shows how far it is.`,
  options: {
    cancel: { type: 'boolean', help: 'cancel it; not possible once the old data is being replaced' },
    node: { type: 'string', value: '<url>', help: 'the primary or that replica (default: SKEIN_URL)' },
    json: { type: 'boolean', help: "the node's answer as JSON" },
  },
  examples: [
    ['skein reseed n2', 'fill n2 from another node'],
    ['skein status --watch', 'see how far it is'],
    ['skein reseed n2 --cancel', 'keep what n2 has'],
  ],
  positionals: [1, 1],

  async run(context, values) {
    const name = values.positionals[0] ?? '';
    if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(name))
      throw new UsageError(`"${name}" is not a valid name of a node.`);
    const method = values.flag('cancel') ? 'DELETE' : 'POST';
    const path = `/v1/nodes/${name}/reseed`;
    const client = clientOf(context, values.text('node'));
    const { body } = await client.request<object>(method, path).catch((error: unknown) => {
      // The node that was asked is another replica: the primary can pass the order on.
      const primary = isSkeinError(error) && error.code === 'NOT_PRIMARY' ? error.data.primary : null;
      if (typeof primary !== 'string') throw error;
      return clientOf(context, primary).request<object>(method, path);
    });
    if (values.flag('json')) context.terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    else if (values.flag('cancel')) context.terminal.err(`${name} cancels the fill and keeps its data.\n`);
    else
      context.terminal.err(
        `${name} fills its server from another node. Its progress: skein status --watch\n`,
      );
    return 0;
  },
};

import { isSkeinError } from '../model/error.js';
import type { Switchover } from '../model/switchover.js';
import { durationText } from '../std/duration-text.js';
import type { Command } from './command.js';
import { clientOf } from './node-client.js';

/** The primary answers within a minute, whatever happens. */
const TIMEOUT_MS = 75_000;

export const switchoverCommand: Command = {
  usage: '[--to <node>] [--dry-run] [--json] [--node <url>]',
  description: `Makes another node the primary, in order: writes under way end, the other node gets and executes all of them, and takes over.
Nothing is lost. Clients of the primary are cut, and find the new one through the read-write port of any node. The database
server of the old primary goes on as a replica's, without a restart. Without --to, the node that suits best takes over.
The command ends when the new primary is open. If the other node does not take over in time, the old primary goes on.`,
  options: {
    to: { type: 'string', value: '<node>', help: 'the node that is to be the primary' },
    'dry-run': { type: 'boolean', help: 'only say who would take over, and what stands against the others' },
    node: { type: 'string', value: '<url>', help: 'any node (default: SKEIN_URL)' },
    json: { type: 'boolean', help: "the node's answer as JSON" },
  },
  examples: [
    ['skein switchover --dry-run', 'who would take over now'],
    ['skein switchover --to n2', 'make n2 the primary'],
  ],
  positionals: [0, 0],

  async run(context, values) {
    const to = values.text('to');
    const dryRun = values.flag('dry-run');
    const order = (url: string | undefined) =>
      clientOf(context, url).request<Switchover>(
        'POST',
        '/v1/cluster/switchover',
        { ...(to !== undefined && { to }), dryRun },
        TIMEOUT_MS,
      );
    const { body } = await order(values.text('node')).catch((error: unknown) => {
      const primary = isSkeinError(error) && error.code === 'NOT_PRIMARY' ? error.data.primary : null;
      if (typeof primary !== 'string') throw error;
      return order(primary);
    });
    if (values.flag('json')) context.terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    else context.terminal.out(`${switchoverText(body)}\n`);
    return body.to === null ? 1 : 0;
  },
};

export function switchoverText({ dryRun, from, to, epoch, pauseMs, against }: Switchover): string {
  if (!dryRun)
    return `${to} is the primary now, in epoch ${epoch}. ${from} is a replica. No primary took writes for ${durationText(pauseMs ?? 0)}.`;
  const who =
    to === null
      ? `No node can take over from ${from}.`
      : `${to} would take over from ${from}. Nothing was changed.`;
  return [who, ...against].join('\n');
}

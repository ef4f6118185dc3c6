import { SkeinError } from '../model/error.js';
import type { Promotion } from '../model/promotion.js';
import type { ClusterStatus } from '../model/status.js';
import type { Command, CommandContext } from './command.js';
import { clientOf, type NodeClient } from './node-client.js';
import { UsageError } from './usage-error.js';

/** The node answers within a minute, whatever happens. */
const TIMEOUT_MS = 75_000;

export const promoteCommand: Command = {
  usage: '<node> --force [--yes <cluster>] [--with-shorter-log] [--json] [--node <url>]',
  description: `Makes a node the primary although no majority of the voters can elect one: for when so many voters are gone for good that none
can be elected any more. What was acknowledged to clients and is not in the log of this node is given up. Without --yes the
command changes nothing, and says what would be given up. It is refused while there is a primary, or one can be elected.
The other members follow this node when they come back: what they have beyond its log is kept on their disks (skein recovered),
and they are filled from it.`,
  options: {
    force: { type: 'boolean', help: 'must be given: to move the role in order, see skein switchover' },
    yes: {
      type: 'string',
      value: '<cluster>',
      help: 'do it; the name of the cluster guards against a wrong SKEIN_URL',
    },
    'with-shorter-log': { type: 'boolean', help: 'also when a member that answers has a longer log' },
    node: {
      type: 'string',
      value: '<url>',
      help: 'the node, or any that knows its address (default: SKEIN_URL)',
    },
    json: { type: 'boolean', help: "the node's answer as JSON" },
  },
  examples: [
    ['skein promote n3 --force', 'what would be given up'],
    ['skein promote n3 --force --yes shop', 'make n3 the primary of the cluster shop'],
  ],
  positionals: [1, 1],

  async run(context, values) {
    const [name = ''] = values.positionals;
    if (!values.flag('force'))
      throw new UsageError(
        `Without --force a node becomes the primary by an election or by: skein switchover --to ${name}`,
      );
    const cluster = values.text('yes');
    const node = await clientOfNode(context, name, values.text('node'));
    const { body } = await node.request<Promotion>(
      'POST',
      `/v1/nodes/${encodeURIComponent(name)}/promote`,
      {
        force: true,
        ...(cluster !== undefined && { confirm: cluster }),
        withShorterLog: values.flag('with-shorter-log'),
      },
      TIMEOUT_MS,
    );
    if (values.flag('json')) context.terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    else context.terminal.out(`${promotionText(body, values.flag('with-shorter-log'))}\n`);
    return body.epoch === null ? 1 : 0;
  },
};

/** Only the node itself takes the order. */
async function clientOfNode(
  context: CommandContext,
  name: string,
  url: string | undefined,
): Promise<NodeClient> {
  const asked = clientOf(context, url);
  if ((await asked.request<{ node: string }>('GET', '/health')).body.node === name) return asked;
  const { body: status } = await asked.request<ClusterStatus>('GET', '/v1/cluster');
  const member = status.members.find((each) => each.name === name);
  if (!member?.http)
    throw new SkeinError(
      'NOT_FOUND',
      `The cluster has no member ${name}, or its address is not known to the node that was asked. Give its own address with --node.`,
    );
  return clientOf(context, member.http);
}

export function promotionText(
  { cluster, node, done, epoch, losses, refusals }: Promotion,
  withShorterLog: boolean,
): string {
  if (done)
    return [
      `${node} is the primary of the cluster ${cluster} now, in epoch ${epoch}, by force.`,
      ...losses,
      'See skein status.',
    ].join('\n');
  if (epoch === null)
    return [`${node} cannot be made the primary by force.`, ...refusals.map(({ reason }) => reason)].join(
      '\n',
    );
  return [
    `${node} would be made the primary of the cluster ${cluster} by force, in epoch ${epoch}. Nothing was changed.`,
    ...losses,
    `To do it, give the name of the cluster: skein promote ${node} --force${withShorterLog ? ' --with-shorter-log' : ''} --yes <cluster>`,
  ].join('\n');
}

import { afterEach, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { gtidIn } from '../../test/kit/gtid.js';
import { ServerlessNode } from '../../test/kit/serverless-node.js';
import { until } from '../../test/kit/until.js';
import { ORIGIN } from '../model/position.js';

const nodes: ServerlessNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});

const said = ({ events }: ServerlessNode) =>
  events.ring.since(0).events.map(({ data }) => String(data.reason));

it('a node that was removed, and does not know the present primary, hears it from another member', async () => {
  const [n1, n2, n3] = [
    await ServerlessNode.create('n1'),
    await ServerlessNode.create('n2', { witness: true }),
    await ServerlessNode.create('n3'),
  ];
  const removed = await ServerlessNode.create('n4');
  nodes.push(n1, n2, n3, removed);
  const before = [n1.member, n2.member, removed.member];
  const after = [n1.member, n2.member, n3.member];
  const changedAt = { epoch: 1, ordinal: 5, gtid: gtidIn(1, 5) };
  const chain = [epochEntry(1, ORIGIN, null), { ...epochEntry(1, changedAt, after), number: 1 }];
  // n2 cannot be elected before n3: its log is shorter. n1 is away, so n3 is the primary.
  await n2.log(1, 10, 10);
  await n3.log(1, 12, 10);
  await removed.log(1, 5, 5);
  await Promise.all([n2.start(chain), n3.start(chain)]);
  await until(
    'n3 is the primary, and n2 follows it',
    () => n3.host.role === 'primary' && n2.host.ready().ok,
    {
      context: () => JSON.stringify([n2.host.ready(), n3.host.ready()]),
    },
  );
  await removed.start([epochEntry(1, ORIGIN, before)]);
  await until(
    'it was told',
    () => said(removed).some((text) => text.includes('was removed from the cluster')),
    {
      context: () => said(removed).join('\n'),
    },
  );
  const text = 'n4 was removed from the cluster, n2 says. It asks for no votes any more.';
  expect(said(removed).join('\n')).toContain(text);
  expect(removed.host.clusterStatus().members.find(({ name }) => name === 'n4')?.reason).toContain(text);
  expect(removed.failures).toEqual([]);
});

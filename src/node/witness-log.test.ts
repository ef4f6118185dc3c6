import { afterEach, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { gtidIn } from '../../test/kit/gtid.js';
import { ServerlessNode } from '../../test/kit/serverless-node.js';
import { until } from '../../test/kit/until.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { ChainEntry } from '../model/chain.js';
import type { MemberList } from '../model/members.js';
import { ORIGIN } from '../model/position.js';
import type { SpoolBase } from '../spool/spool-options.js';

/** What a witness does with the log, on real sockets and disks. The servers beside it execute nothing. */

const nodes: ServerlessNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});

async function twoOfThree(): Promise<[ServerlessNode, ServerlessNode, ServerlessNode]> {
  const [n1, n2] = [await ServerlessNode.create('n1'), await ServerlessNode.create('n2')];
  const contact = n2.config.link.port;
  const made = [n1, n2, await ServerlessNode.create('w3', { witness: true, contact })] as const;
  nodes.push(...made);
  return [...made];
}

const chainOf = (members: MemberList) => [epochEntry(1, ORIGIN, members)];
const ends = (...of: ServerlessNode[]) => of.map(({ spool }) => spool.durable.ordinal);

it('only the witness has what the dead primary acknowledged last: it feeds the other node and hands over', async () => {
  const [n1, n2, w3] = await twoOfThree();
  const chain = chainOf([n1.member, n2.member, w3.member]);
  await n2.log(1, 10, 10);
  await w3.log(1, 12, 10);
  await n2.start(chain);
  await w3.start(chain);
  await until('n2 is the primary', () => n2.host.role === 'primary' && w3.host.role === 'replica', {
    context: () => JSON.stringify([n2.host.clusterStatus(), w3.host.clusterStatus()]),
  });
  await until('both have everything', () => ends(n2, w3).join() === '12,12');
  await until('both have the same history', () => JSON.stringify(w3.chain) === JSON.stringify(n2.chain));
  const { epoch, primary, beginsAfter } = n2.chain.at(-1) as ChainEntry;
  expect([primary, beginsAfter.ordinal]).toEqual(['n2', 12]);
  // The one before was that of the witness. No group belongs to it, so the history has no place for it.
  expect(epoch).toBeGreaterThan(2);
  expect([...n2.failures, ...w3.failures]).toEqual([]);
});

it('a new witness begins at what is committed, and receives from there', async () => {
  const [, n2, w3] = await twoOfThree();
  await n2.log(1, 12, 12);
  await n2.start(chainOf([n2.member, { ...w3.member, incarnation: '', voter: false }]));
  await until('n2 is the primary', () => n2.host.role === 'primary');
  await w3.start([]);
  await until('it has begun', () => w3.spool.end.ordinal === 12);
  expect([w3.spool.begin, w3.chain]).toEqual([13, n2.chain]);
  await until('it is live', () => w3.host.ready().ok);
  expect(w3.host.ready()).toMatchObject({ role: 'witness', state: 'live', reason: null });
  expect([n2.failures, w3.failures]).toEqual([[], []]);
});

it('a node whose disk is another one is told that the log of the witness begins later', async () => {
  const [n1, n2, w3] = await twoOfThree();
  const chain = chainOf([n1.member, n2.member, w3.member]);
  await n2.log(1, 10, 10);
  const [gtid, previousGtid] = [11, 10].map((ordinal) => mariadb.gtidBinary(gtidIn(1, ordinal)));
  await w3.spool.restartAfter({ epoch: 1, ordinal: 11, gtid, previousGtid } as SpoolBase);
  await n2.start(chain);
  await w3.start(chain);
  const codes = () =>
    n2.events.ring.kept.filter(({ event }) => event === 'link.down').map(({ data }) => data.code);
  await until('it is told', () => codes().includes('LOG_PURGED'));
  expect([w3.host.role, n2.spool.end.ordinal]).toEqual(['primary', 10]);
});

it('a witness whose disk is full takes no records, hears what the others have, and goes on when there is room', async () => {
  const [n1, n2, w3] = await twoOfThree();
  const chain = chainOf([n1.member, n2.member, w3.member]);
  await n1.log(1, 12, 12);
  await n2.log(1, 12, 12);
  await w3.log(1, 10, 10);
  await w3.start(chain);
  await w3.host.holdWrites('its disk is full.');
  await n1.start(chain);
  await n2.start(chain);
  const codes = () =>
    w3.events.ring.kept.filter(({ event }) => event === 'link.down').map(({ data }) => data.code);
  await until('it hangs up when records come', () => codes().includes('LOG_HELD'));
  const durable = () =>
    w3.host.clusterStatus().members.flatMap(({ witness, positions }) => (witness ? [] : [positions.durable]));
  await until('it knows what the others have', () => durable().join() === '12,12', {
    context: () => JSON.stringify(w3.host.clusterStatus()),
  });
  expect(w3.spool.end.ordinal).toBe(10);
  await w3.host.holdWrites(null);
  await until('it takes the rest', () => w3.spool.durable.ordinal === 12);
  expect(w3.failures).toEqual([]);
});

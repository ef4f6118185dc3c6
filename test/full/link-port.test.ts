import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { walkRecords } from '../../src/wire/record.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { attachInfo, startReplica, type TestReplica } from '../kit/link.js';
import { memoryOf } from '../kit/processes.js';
import { clusterSecret } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** What strangers, and friends with a wrong setting, may send to the port where replicas attach. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  // A commit waits for replicas that stand still: longer than a second without them, and a primary serves nobody.
  cluster = await TestCluster.start({ patient: true });
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
});

afterAll(async () => {
  await cluster?.dispose();
});

interface Conversation {
  received: Buffer;
  closedByPeer: boolean;
  durationMs: number;
}

/** Sends bytes from an address of its own, and listens until the other side hangs up. */
function say(
  port: number,
  bytes: Buffer,
  { localAddress = '127.0.0.1', deadlineMs = 45_000 } = {},
): Promise<Conversation> {
  const started = performance.now();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', localAddress }, () => socket.write(bytes));
    const done = (closedByPeer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ received: Buffer.concat(chunks), closedByPeer, durationMs: performance.now() - started });
    };
    const timer = setTimeout(() => done(false), deadlineMs);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => done(true));
  });
}

function frame(length: number, type: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(length, 0);
  head[4] = type;
  return Buffer.concat([head, payload]);
}

/** The cluster goes on as if nothing had been: same processes, both replicas attached, a write is answered and read. */
async function expectUnharmed(pids: number[]): Promise<void> {
  expect(await cluster.pids()).toEqual(pids);
  const { position } = await cluster.primary.sql("INSERT INTO demo.t (v) VALUES ('still here')");
  for (const replica of cluster.replicas) {
    await replica.sql('SELECT COUNT(*) FROM demo.t', [], { read: { after: position } });
  }
  await until('both replicas are attached', async () => {
    return (await cluster.primary.cluster()).quorum.attached === 3;
  });
}

/** How long the primary's log is now; a test looks only at what comes after. */
const mark = async () => (await primaryLog()).length;

const primaryLog = () => readFile(join(cluster.primary.directory, 'node.log'), 'utf8');

/** Refusals that the primary's log got since the mark. */
const refusalsSince = async (since: number) =>
  (await primaryLog())
    .slice(since)
    .split('\n')
    .filter((line) => line.includes('refused'));

/** Each comes from its own address: the log names the same reason of one host only once in ten seconds. */
const strangers: Array<[name: string, localAddress: string, bytes: Buffer, inLog: RegExp]> = [
  ['a frame of 4 GB', '127.0.1.1', frame(0xffff_ffff, 1), /FRAME_TOO_LARGE.*4294967295/],
  ['an unknown frame type', '127.0.1.2', frame(4, 0xee, Buffer.from('ouch')), /FRAME_UNKNOWN.*238/],
  ['HTTP', '127.0.1.3', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), /an HTTP request/],
  ['a TLS client', '127.0.1.4', Buffer.from('16030100f8010000f40303', 'hex'), /a TLS handshake/],
  ['random bytes', '127.0.1.5', Buffer.from('9f3c6b0057aa'.repeat(40), 'hex'), /FRAME_/],
  ['a frame that is not expected', '127.0.1.6', frame(24, 34, Buffer.alloc(24)), /FRAME_UNEXPECTED/],
];

it.each(strangers)(
  '%s is cut off, is told nothing, and is named in the log',
  async (_name, localAddress, bytes, inLog) => {
    const pids = await cluster.pids();
    const since = await mark();
    const before = (await memoryOf(await cluster.primary.pid('node'))).rssBytes;
    const talk = await say(cluster.primary.linkPort, bytes, { localAddress });
    expect(talk.closedByPeer).toBe(true);
    expect(talk.received.length, 'a stranger gets no byte').toBe(0);
    const after = (await memoryOf(await cluster.primary.pid('node'))).rssBytes;
    expect(after - before).toBeLessThan(64 * 1024 * 1024);
    await until(`the log names ${localAddress} (${inLog})`, async () =>
      (await refusalsSince(since)).some((line) => line.includes(`${localAddress}:`) && inLog.test(line)),
    );
    await expectUnharmed(pids);
  },
);

it('a peer that connects and says nothing is cut off in time, and others are served meanwhile', async () => {
  const pids = await cluster.pids();
  const silent = Array.from({ length: 40 }, () => say(cluster.primary.linkPort, Buffer.alloc(0)));
  await expectUnharmed(pids);
  for (const talk of await Promise.all(silent)) {
    expect(talk.closedByPeer).toBe(true);
    expect(talk.received.length).toBe(0);
  }
});

/** Joins the link as another node would, and tells what became of it. */
async function expectRefused(
  options: Parameters<typeof startReplica>[1],
  over: Parameters<typeof startReplica>[2],
  code: string,
): Promise<void> {
  const pids = await cluster.pids();
  const since = await mark();
  const replica = startReplica(cluster.primary.linkPort, options, over);
  try {
    await until(`the dialer is refused with ${code}`, () => replica.states.includes(code));
    expect(replica.welcomes).toEqual([]);
    await until('the log of the primary names it', async () =>
      (await refusalsSince(since)).some((line) => line.includes(code)),
    );
  } finally {
    await replica.dialer.stop();
  }
  await expectUnharmed(pids);
}

it('a wrong secret is refused by name on both sides', () =>
  expectRefused({ node: 'n9', secret: 'not the secret of this cluster' }, {}, 'WRONG_SECRET'));

it('the right secret with a wrong cluster name is refused by name on both sides', () =>
  expectRefused(
    { node: 'n9', cluster: 'somebody-else', secret: clusterSecret(cluster.directory) },
    {},
    'WRONG_CLUSTER',
  ));

/** What a node of this cluster proves. */
async function ours(): Promise<{ cluster: string; secret: Buffer }> {
  const { cluster: id } = JSON.parse(
    await readFile(join(cluster.primary.directory, 'identity.json'), 'utf8'),
  );
  return { cluster: `demo ${id}`, secret: clusterSecret(cluster.directory) };
}

it('the right secret and name with another cluster id are refused by name on both sides', () =>
  expectRefused(
    { node: 'n9', cluster: `demo ${'0'.repeat(32)}`, secret: clusterSecret(cluster.directory) },
    {},
    'WRONG_CLUSTER',
  ));

it('a node that was not added is refused by name on both sides', async () =>
  expectRefused(
    { node: 'n8', ...(await ours()) },
    { attachInfo: () => attachInfo('n8', { adopted: null }) },
    'NOT_A_MEMBER',
  ));

it('a second node in the name of a replica that is attached is refused, and the replica stays', async () =>
  expectRefused({ node: 'n2', ...(await ours()) }, {}, 'DUPLICATE_NODE'));

it('what a member that is no voter acknowledges counts for nothing', async () => {
  const pids = await cluster.pids();
  let received = 0;
  let hasQuorum = true;
  const origin = { epoch: 0, ordinal: 0, gtid: '' };
  const place = { name: 'n9', link: { host: '127.0.0.1', port: 7099 }, http: 'http://127.0.0.1:8099' };
  const added = await cluster.primary.request('POST', '/v1/members', {
    ...place,
    mysqlRw: null,
    mysqlRo: null,
  });
  expect(added.status, added.text).toBe(200);
  let learner: TestReplica | null = null;
  try {
    const attached = startReplica(
      cluster.primary.linkPort,
      { node: 'n9', ...(await ours()) },
      {
        attachInfo: () => attachInfo('n9', { ...place, spoolEnd: origin, previousGtid: '', adopted: null }),
        records: (bytes) => {
          for (const { header } of walkRecords(bytes)) received = Math.max(received, header.ordinal);
          // With all on its disk it would become a voter, for which a quorum is needed.
          attached.dialer.ack({ received, durable: hasQuorum ? 0 : received, applied: 0 });
          return true;
        },
      },
    );
    learner = attached;
    await until('the learner has all', async () => {
      const { members } = await cluster.primary.cluster();
      return received > 0 && received === members.find(({ name }) => name === 'n1')?.positions.received;
    });
    const before = received;
    for (const replica of cluster.replicas) await replica.freeze('node');
    hasQuorum = false;
    // A primary that no majority answers serves nobody after some seconds, and answers what waits then.
    const answer = await cluster.primary.request('POST', '/v1/sql', {
      sql: "INSERT INTO demo.t (v) VALUES ('only a learner has it')",
      timeoutMs: 3_000,
    });
    expect(answer.status, answer.text).toBeGreaterThanOrEqual(500);
    expect(answer.body.error?.applied, answer.text).toBe('unknown');
    await until('the learner has it and has said so', () => received > before);
  } finally {
    await learner?.dialer.stop();
    for (const replica of cluster.replicas) await replica.unfreeze('node');
  }
  await until('all are attached again', async () => (await cluster.primary.cluster()).quorum.attached === 3);
  expect((await cluster.primary.request('DELETE', '/v1/members/n9')).status).toBe(200);
  await expectUnharmed(pids);
});

import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { startReplica } from '../kit/link.js';
import { memoryOf } from '../kit/processes.js';
import { clusterSecret } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** What strangers, and friends with a wrong setting, may send to the port where replicas attach. */

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
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

/** Sends bytes and listens until the other side hangs up. */
function say(port: number, bytes: Buffer, deadlineMs = 15_000): Promise<Conversation> {
  const started = performance.now();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
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
  const { quorum } = await cluster.primary.cluster();
  expect(quorum.attached).toBe(3);
}

const refusalsInLog = async () =>
  (await cluster.primary.logs(400)).split('\n').filter((line) => line.includes('refused'));

const strangers: Array<[name: string, bytes: Buffer, inLog: RegExp]> = [
  ['a frame of 4 GB', frame(0xffff_ffff, 1), /4294967295/],
  ['an unknown frame type', frame(4, 0xee, Buffer.from('ouch')), /238/],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), /HTTP/],
  ['a TLS client', Buffer.from('16030100f8010000f40303', 'hex'), /TLS|FRAME_/],
  ['random bytes', Buffer.from('9f3c6b0057aa'.repeat(40), 'hex'), /FRAME_/],
  ['a frame that is known but has no place here', frame(24, 34, Buffer.alloc(24)), /FRAME_UNEXPECTED/],
];

it.each(strangers)('%s is cut off, is told nothing, and is named in the log', async (_name, bytes, inLog) => {
  const pids = await cluster.pids();
  const before = (await memoryOf(await cluster.primary.pid('node'))).rssBytes;
  const talk = await say(cluster.primary.linkPort, bytes);
  expect(talk.closedByPeer).toBe(true);
  expect(talk.received.length, 'a stranger gets no byte').toBe(0);
  const after = (await memoryOf(await cluster.primary.pid('node'))).rssBytes;
  expect(after - before).toBeLessThan(64 * 1024 * 1024);
  await until(`the log names it (${inLog})`, async () =>
    (await refusalsInLog()).some((line) => inLog.test(line)),
  );
  await expectUnharmed(pids);
});

it('a peer that connects and says nothing is cut off in time, and others are served meanwhile', async () => {
  const pids = await cluster.pids();
  const silent = Array.from({ length: 40 }, () => say(cluster.primary.linkPort, Buffer.alloc(0)));
  await expectUnharmed(pids);
  for (const talk of await Promise.all(silent)) {
    expect(talk.closedByPeer).toBe(true);
    expect(talk.received.length).toBe(0);
  }
});

it('a wrong secret is refused by name on both sides', async () => {
  const pids = await cluster.pids();
  const replica = startReplica(cluster.primary.linkPort, {
    node: 'n9',
    secret: 'not the secret of this cluster',
  });
  try {
    const code = await until('the dialer is refused', () =>
      replica.states.find((state) => /SECRET|PROOF/.test(state)),
    );
    expect(replica.welcomes).toEqual([]);
    await until('the log of the primary names it', async () =>
      (await refusalsInLog()).some((line) => /SECRET|PROOF|secret/.test(line)),
    );
    expect(code).toBeTruthy();
  } finally {
    await replica.dialer.stop();
  }
  await expectUnharmed(pids);
});

it('the right secret with a wrong cluster name is refused by name on both sides', async () => {
  const pids = await cluster.pids();
  const replica = startReplica(cluster.primary.linkPort, {
    node: 'n9',
    cluster: 'somebody-else',
    secret: clusterSecret(cluster.directory),
  });
  try {
    await until('the dialer is refused', () => replica.states.find((state) => /CLUSTER/.test(state)));
    expect(replica.welcomes).toEqual([]);
    await until('the log of the primary names it', async () =>
      (await refusalsInLog()).some((line) => /CLUSTER/.test(line)),
    );
  } finally {
    await replica.dialer.stop();
  }
  await expectUnharmed(pids);
});

it('a node that is not of this cluster’s voters, with the right secret, counts for nothing', async () => {
  const pids = await cluster.pids();
  const replica = startReplica(cluster.primary.linkPort, {
    node: 'n2',
    secret: clusterSecret(cluster.directory),
  });
  try {
    await until('it is refused or unseated', () => replica.states.length > 0);
    await until(
      'the true n2 is attached',
      async () => (await cluster.primary.cluster()).quorum.attached === 3,
    );
  } finally {
    await replica.dialer.stop();
  }
  await until('all are attached again', async () => (await cluster.primary.cluster()).quorum.attached === 3);
  await expectUnharmed(pids);
});

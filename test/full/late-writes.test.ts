/** Writes whose time is over, or whose node is cut off or dies: whether what the client is told of them is what became of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { seededRandom } from '../kit/random.js';
import { withSql } from '../kit/sql-node.js';
import type { HttpAnswer, SqlAnswer, TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
let token = '';
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ proxied: true, patient: true });
  const made = await cluster.primary.request<{ token: string }>('POST', '/v1/tokens', {
    name: 'write',
    role: 'write',
  });
  token = made.body.token;
  await cluster.primary.sql('CREATE DATABASE demo');
  await cluster.primary.sql('CREATE TABLE demo.truth (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50))');
});
afterAll(async () => {
  await cluster?.dispose();
});

/** Their links to n1 have proxies, whichever node is the primary. */
const others = ['n2', 'n3'];
const cut = () => {
  for (const name of others) cluster.proxy(name).cut();
};
const heal = () => {
  for (const name of others) cluster.proxy(name).heal();
};
// Another node may have been elected meanwhile.
afterEach(async () => {
  heal();
  await cluster.makePrimary('n1');
});

const post = (node: TestNode, body: object, headers: Record<string, string> = {}) =>
  node.request<SqlAnswer>('POST', '/v1/sql', body, { token, headers });

/** One write of one or two rows; what was answered, and whether a repetition has made sure of it. */
type Story = (rows: readonly [string, string], timeoutMs: number) => Promise<HttpAnswer<unknown>>;

const insert = (v: string) => ({ sql: 'INSERT INTO demo.truth (v) VALUES (?)', params: [v] });
const both = (rows: readonly [string, string]) => rows.map(insert);
const stories: Record<string, Story> = {
  single: ([row], timeoutMs) => post(cluster.primary, { ...insert(row), timeoutMs }),
  batch: (rows, timeoutMs) => post(cluster.primary, { statements: both(rows), timeoutMs }),
  transaction: (rows, timeoutMs) =>
    post(cluster.primary, { statements: both(rows), transaction: true, timeoutMs }),
  stream: ([row], timeoutMs) =>
    post(
      cluster.primary,
      { sql: 'INSERT INTO demo.truth (v) VALUES (?) RETURNING id', params: [row], timeoutMs },
      { accept: 'application/x-ndjson' },
    ),
  forwarded: ([row], timeoutMs) => post(cluster.node('n2'), { ...insert(row), forward: true, timeoutMs }),
  open: async (rows, timeoutMs) => {
    const options = { token };
    const opened = await cluster.primary.request<{ id: string }>('POST', '/v1/tx', {}, options);
    const { id } = opened.body;
    for (const each of both(rows)) {
      const answer = await post(cluster.primary, { tx: id, ...each, timeoutMs });
      if (answer.status !== 200) return answer;
    }
    return await cluster.primary.request('POST', `/v1/tx/${id}/commit`, { timeoutMs }, options);
  },
  keyed: async (rows, timeoutMs) => {
    const send = (ms: number) =>
      post(
        cluster.primary,
        { statements: both(rows), transaction: true, timeoutMs: ms },
        { 'idempotency-key': rows[0] },
      );
    const first = await send(timeoutMs);
    if (first.status === 200) return first;
    return await until('the repeated write is answered', async () => {
      const again = await send(10_000);
      return again.status === 409 ? null : again;
    });
  },
};

/** The last word of an answer: an error may stand in the last line of a stream. */
const appliedOf = ({ status, text }: HttpAnswer<unknown>): string => {
  const last = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '{}');
  if (last.error) return last.error.applied;
  return status === 200 ? 'yes' : `status ${status}`;
};

it('what is said of a write whose time was over is true, whenever that was', async () => {
  const random = seededRandom(4711);
  const names = Object.keys(stories);
  const told: { name: string; rows: readonly [string, string]; applied: string }[] = [];
  for (const name of others) cluster.proxy(name).delay(15);
  // By turns nothing can be written and everything can: times end before a statement is done as well.
  let under = true;
  const locks = withSql(cluster.primary, async (connection) => {
    for (; under; await delay(100)) {
      await connection.query('LOCK TABLES demo.truth WRITE');
      await delay(100);
      await connection.query('UNLOCK TABLES');
    }
  });
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < 210; i = next++) {
      const name = names[i % names.length] ?? '';
      const rows = [`${name} ${i} a`.replaceAll(' ', '-'), `${name} ${i} b`.replaceAll(' ', '-')] as const;
      const answer = await stories[name]?.(rows, random.int(1, 200));
      if (answer) told.push({ name, rows, applied: appliedOf(answer) });
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  under = false;
  await locks;
  heal();
  // What was under way has ended when nothing runs as the token's account any more.
  const idle =
    "SELECT COUNT(*) FROM information_schema.processlist WHERE USER = 'skein_write' AND COMMAND <> 'Sleep'";
  await until('all writes have ended', async () => (await cluster.primary.rows(idle))[0]?.[0] === '0');
  const counts = new Map(
    (await cluster.primary.rows('SELECT v, COUNT(*) FROM demo.truth GROUP BY v')).map(([v, n]) => [
      v,
      Number(n),
    ]),
  );
  const summary: Record<string, number> = {};
  for (const { name, rows, applied } of told) {
    summary[`${name}: ${applied}`] = (summary[`${name}: ${applied}`] ?? 0) + 1;
    const [a, b] = rows.map((row) => counts.get(row) ?? 0);
    const two = ['batch', 'transaction', 'open', 'keyed'].includes(name);
    const possible: Record<string, boolean> = {
      no: a === 0 && b === 0,
      yes: a === 1 && b === (two ? 1 : 0),
      partial: name === 'batch' && a === 1,
      unknown: name === 'batch' ? (a ?? 0) >= (b ?? 0) && (a ?? 0) <= 1 : a === b || !two,
    };
    expect([name, applied, a, b, possible[applied]]).toEqual([name, applied, a, b, true]);
    if (name === 'keyed') expect(applied).toBe('yes');
  }
  console.log(
    Object.entries(summary)
      .sort()
      .map(([what, n]) => `${what} ${n}`)
      .join(', '),
  );
  const answers = new Set(told.map(({ applied }) => applied));
  for (const each of ['no', 'yes', 'unknown']) expect(answers).toContain(each);
});

const keyed = (key: string, body: object) => post(cluster.primary, body, { 'idempotency-key': key });
const outcome = (key: string) =>
  cluster.primary.request<{ applied: string }>('GET', `/v1/outcome/${key}`, undefined, { token });
const rowsOf = async (v: string) =>
  Number((await cluster.primary.rows('SELECT COUNT(*) FROM demo.truth WHERE v = ?', [v]))[0]?.[0]);

it('knows what became of a write that was answered as unknown', async () => {
  cut();
  const unknown = await keyed('cut-off', { ...insert('cut off'), timeoutMs: 2_000 });
  expect([unknown.status, unknown.body.error?.applied]).toEqual([504, 'unknown']);
  // A primary that no majority answers serves nobody after some seconds, and says nothing then. Another node may be elected
  // meanwhile, to which it passes requests on: that one has only what was committed.
  expect((await outcome('cut-off')).body.applied ?? 'unknown').toMatch(/^(unknown|no)$/);
  expect([200, 409, 503]).toContain((await keyed('cut-off', insert('cut off'))).status);
  heal();
  const applied = await until('it is known', async () => {
    // A replica that has no outcome of it names the primary.
    await cluster.untilPrimary();
    const { applied } = (await outcome('cut-off')).body;
    return applied === 'yes' || applied === 'no' ? applied : null;
  });
  const again = await keyed('cut-off', insert('cut off'));
  const replayed = applied === 'yes' ? 'true' : null;
  expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, replayed]);
  expect(await rowsOf('cut off')).toBe(1);
});

it('is not done twice when its node dies while the commit waits, and an open transaction neither', async () => {
  const opened = await cluster.primary.request<{ id: string }>('POST', '/v1/tx', {}, { token });
  const { id } = opened.body;
  await post(cluster.primary, { tx: id, ...insert('node died') });
  cut();
  const [keyedWrite, commit] = await Promise.all([
    keyed('node-died', { ...insert('node died'), timeoutMs: 2_000 }),
    cluster.primary.request('POST', `/v1/tx/${id}/commit`, { timeoutMs: 2_000 }, { token }),
  ]);
  expect([keyedWrite.status, commit.status]).toEqual([504, 504]);
  await cluster.primary.kill('node');
  heal();
  await until('another node leads', async () => (await cluster.untilPrimary()).name !== 'n1', {
    deadlineMs: 60_000,
  });
  cluster.startNode('n1');
  const again = await until('the write is answered', async () => {
    const answer = await keyed('node-died', insert('node died'));
    return answer.status === 409 ? null : answer;
  });
  // Nobody else had them: what was answered as unknown is gone with the old primary, and the repetition is the first.
  expect(again.status).toBe(200);
  const { applied } = (await outcome(id)).body;
  expect(applied).toMatch(/^(yes|no)$/);
  expect(await rowsOf('node died')).toBe(applied === 'yes' ? 2 : 1);
  await cluster.node('n1').untilReady(60_000);
  await cluster.makePrimary('n1');
});

it('says no of a transaction whose node died before its commit', async () => {
  const opened = await cluster.primary.request<{ id: string }>('POST', '/v1/tx', {}, { token });
  const { id } = opened.body;
  await post(cluster.primary, { tx: id, ...insert('never committed') });
  await cluster.primary.kill('node');
  cluster.startNode('n1');
  await cluster.primary.untilReady(60_000);
  const commit = await cluster.primary.request('POST', `/v1/tx/${id}/commit`, undefined, { token });
  await cluster.makePrimary('n1');
  expect([commit.status, commit.body.error?.code]).toEqual([409, 'TX_UNKNOWN']);
  expect((await outcome(id)).body.applied).toBe('no');
  expect(await rowsOf('never committed')).toBe(0);
});

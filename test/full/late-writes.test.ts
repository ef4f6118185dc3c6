/** Writes whose time is over at some moment: whether what the client is told of them is what became of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
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
});
afterAll(async () => {
  await cluster?.dispose();
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
  await cluster.primary.sql('CREATE TABLE demo.truth (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50))');
  const random = seededRandom(4711);
  const names = Object.keys(stories);
  const told: { name: string; rows: readonly [string, string]; applied: string }[] = [];
  for (const name of ['n2', 'n3']) cluster.proxy(name).delay(15);
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
  for (const name of ['n2', 'n3']) cluster.proxy(name).heal();
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

/**
 * HTTP under attack: eight hostile clients at a time against the primary of a real cluster, while an honest one writes.
 * Whatever they send, the quorum is kept, the nodes stay small, and what was acknowledged is on every node.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { checksumAtRest } from '../kit/checksum.js';
import { CREATE_LEDGER, checkLedger, httpWriter, Ledger, WriterPool } from '../kit/clients.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { bomb, headOf, manyKeys, RawClient } from '../kit/hostile.js';
import { memoryOf } from '../kit/processes.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

const HOSTILE = 8;
const KIB = 1024;
const MIB = 1024 * KIB;
/** A node at rest has about 110 MiB; the budgets (docs/limits.md) allow some 250 MiB more at worst. */
const RSS_MAX = 450 * MIB;

let cluster: TestCluster;
let primary: TestNode;
let readToken = '';
let writeToken = '';
let pool: WriterPool;
const ledger = new Ledger();
const opened: RawClient[] = [];
showLogsOnFailure(() => cluster);

async function newToken(
  role: 'read' | 'write' | 'admin',
  name: string = role,
): Promise<{ id: string; token: string }> {
  const { status, body } = await primary.request<{ id: string; token: string }>('POST', '/v1/tokens', {
    name,
    role,
  });
  expect(status).toBe(201);
  await until('every node knows the token', async () => {
    const asked = cluster.nodes.map((node) =>
      node.request('GET', '/v1/cluster', undefined, { token: body.token }),
    );
    return (await Promise.all(asked)).every((answer) => answer.status === 200);
  });
  return body;
}

beforeAll(async () => {
  cluster = await TestCluster.start();
  primary = cluster.primary;
  await primary.sql('CREATE DATABASE demo');
  await primary.sql(CREATE_LEDGER, [], { database: 'demo' });
  await primary.sql('CREATE TABLE demo.t (id INT PRIMARY KEY, v INT)');
  await primary.sql('INSERT INTO demo.t VALUES (1, 0), (2, 0)');
  readToken = (await newToken('read')).token;
  writeToken = (await newToken('write')).token;
});

afterAll(async () => {
  await cluster?.dispose();
});

function rawClient(url: string, options: { reads?: boolean } = {}): RawClient {
  const client = new RawClient(url, options);
  opened.push(client);
  return client;
}

afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});

const sql = (
  body: unknown,
  options: { token?: string | null; headers?: Record<string, string>; node?: TestNode } = {},
) => (options.node ?? primary).request('POST', '/v1/sql', body, { token: readToken, ...options });

/** The same by eight clients at once. */
const eight = <T>(work: (client: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: HOSTILE }, (_, client) => work(client)));

async function metric(node: TestNode, name: string): Promise<number> {
  const { text } = await node.request('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

it('an honest client begins to write', async () => {
  const writer = () => httpWriter({ url: primary.url, token: writeToken, database: 'demo' });
  pool = new WriterPool({ clients: 1, writer, paceMs: 50 }, ledger);
  await until('its first rows are there', () => ledger.counts.acknowledged > 3);
});

describe('bodies', () => {
  it('that are too large are refused before they are read whole', async () => {
    const body = manyKeys(1_500_000);
    const answers = await eight(() => sql(body));
    for (const { status, text } of answers) {
      expect([status, text]).toEqual([413, expect.stringContaining('httpReadBodyBytesMax')]);
    }
  });

  it('of the allowed size that are costly to parse are refused before they are parsed', async () => {
    const read = manyKeys(70_000);
    const write = manyKeys(600_000, '"sql":"SELECT 1",');
    const values = `{"statements":[${'[],'.repeat(1_500_000)}[]]}`;
    expect(Math.max(write.length, values.length)).toBeLessThan(8 * MIB);
    const answers = await eight((client) =>
      client % 2 === 0 ? sql(read) : sql(client % 4 === 1 ? write : values, { token: writeToken }),
    );
    for (const { status, body } of answers) {
      expect([status, body.error?.code]).toEqual([400, 'JSON_TOO_COMPLEX']);
    }
    expect((await sql(manyKeys(20_000))).body.error?.code).toBe('UNKNOWN_FIELD');
  });

  it('at the limits are answered', async () => {
    const row = [1, 'x'.repeat(20), null, 'y', 2, true, 1, 'z', 3, 4];
    const statements = Array.from({ length: 9_000 }, () => ({ sql: 'DO ?', params: row.slice(0, 1) }));
    const many = await sql({ statements, timeoutMs: 60_000 }, { token: writeToken });
    expect(many.status).toBe(200);
    const large = await sql(
      { sql: 'SELECT LENGTH(?)', params: ['x'.repeat(8 * MIB - 100)] },
      { token: writeToken },
    );
    expect(large.text).toContain(`"rows":[[${8 * MIB - 100}]]`);
  });

  it('without a declared length are cut at the limit', async () => {
    const chunk = Buffer.alloc(64 * KIB, 0x20);
    const framed = Buffer.concat([
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from('\r\n'),
    ]);
    const answers = await eight(async () => {
      const client = rawClient(primary.url);
      await client.send(
        headOf({ url: primary.url, token: writeToken, headers: { 'transfer-encoding': 'chunked' } }),
      );
      for (let sent = 0; sent < 31 * MIB; sent += chunk.length) await client.send(framed);
      await client.send('0\r\n\r\n');
      await client.ended;
      client.close();
      return client.answer.status;
    });
    // Those of one token together may also meet its share of all bodies.
    expect(answers).toContain(413);
    expect(answers.filter((status) => status !== 413 && status !== 503)).toEqual([]);
  });

  it('of 31 MB, seventy of them, take no memory', async () => {
    const body = `{"sql":"SELECT ?","params":["${'x'.repeat(31 * MIB)}"]}`;
    const queue = Array.from({ length: 70 }, (_, i) => i);
    const statuses: number[] = [];
    await eight(async () => {
      while (queue.pop() !== undefined) statuses.push((await sql(body, { token: writeToken })).status);
    });
    expect(statuses).toEqual(Array.from({ length: 70 }, () => 413));
  });

  it('that never end fill one token’s share, and leave room to others', async () => {
    const clients = Array.from({ length: 5 * HOSTILE }, () => rawClient(primary.url));
    const part = `{"sql":"SELECT 1","database":"${'x'.repeat(900 * KIB)}`;
    for (const client of clients) {
      const headers = { 'content-length': String(MIB) };
      await client.send(headOf({ url: primary.url, token: readToken, headers }) + part);
    }
    await until('the share is full', async () => clients.some(({ answer }) => answer.status === 503));
    expect(await metric(primary, 'skein_http_bodies_bytes')).toBeLessThanOrEqual(16 * MIB);
    const refused = clients.find(({ answer }) => answer.status === 503);
    expect(refused?.answer.text).toMatch(/retry-after: 1[\s\S]*"NODE_BUSY"[\s\S]*httpBodiesBytesMax/);
    const other = await sql(
      { sql: 'SELECT LENGTH(?)', params: ['x'.repeat(7 * MIB)] },
      { token: writeToken },
    );
    expect(other.status).toBe(200);
    for (const client of clients) client.close();
    await until(
      'the room is free again',
      async () => (await metric(primary, 'skein_http_bodies_bytes')) < KIB,
    );
  });

  it('of a stranger are not read at all', async () => {
    const body = manyKeys(1_500_000);
    const answers = await eight(() => sql(body, { token: null }));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
  });

  it.each([
    ['statements in statements', '{"statements":[', ']}', 6_000],
    ['arrays', '[', ']', 500_000],
    ['objects', '{"a":', '}', 100_000],
  ])('%s, thousands deep, are refused, and leave their lines', async (_, open, close, depth) => {
    const requestId = `deep-${depth}`;
    const answers = await eight((client) =>
      sql(`${open.repeat(depth)}1${close.repeat(depth)}`, {
        headers: { 'x-request-id': `${requestId}-${client}` },
      }),
    );
    for (const { status, body } of answers) {
      expect([status, body.error?.code]).toEqual([400, 'JSON_TOO_COMPLEX']);
    }
    const found = await primary.request('GET', `/v1/audit?requestId=${requestId}-0`);
    expect(found.text).toContain('"JSON_TOO_COMPLEX"');
    const logged = await primary.request('GET', `/v1/logs?tail=1000&text=${requestId}-0`);
    expect(logged.text).toContain('"JSON_TOO_COMPLEX"');
  });

  it('that are compressed count as what comes out of them', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const send = async (bytes: Buffer, encoding = headers) => {
      const response = await fetch(`${primary.url}/v1/sql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${readToken}`, ...encoding },
        body: new Uint8Array(bytes),
      });
      return { status: response.status, text: await response.text(), headers: response.headers };
    };
    const answered = await send(gzipSync('{"sql":"SELECT 40 + 2"}'));
    expect(answered.text).toContain('[[42]]');
    const bombs = await eight(() => send(bomb(400 * MIB)));
    expect(bombs.map(({ status }) => status)).toEqual(bombs.map(() => 413));
    expect((await send(Buffer.from('{"sql":"SELECT 1"}'))).status).toBe(400);
    expect((await send(gzipSync('{"sql":"SELECT 1"}').subarray(0, 20))).status).toBe(400);
    const other = await send(Buffer.from('x'), { 'content-encoding': 'br' });
    expect([other.status, other.headers.get('accept-encoding')]).toEqual([415, 'gzip']);
  });
});

describe('answers', () => {
  const rows = (bytes: number) => ({
    sql: `SELECT REPEAT('x', 65536) FROM demo.seq_1_to_${Math.ceil(bytes / 65536)}`,
    timeoutMs: 60_000,
  });

  it('that nobody takes fill one token’s share, and leave room to others', async () => {
    const body = JSON.stringify(rows(9 * MIB));
    const headers = { 'content-length': String(body.length) };
    const clients = Array.from({ length: 3 }, () => rawClient(primary.url, { reads: false }));
    // One after the other: answers that grow at the same time may all be refused half-way.
    for (const [i, client] of clients.entries()) {
      await client.send(headOf({ url: primary.url, token: readToken, headers }) + body);
      await until(
        `answer ${i + 1} waits for its client`,
        async () => (await metric(primary, 'skein_http_answers_bytes')) > (i + 1) * 8.5 * MIB,
      );
    }
    await until(
      'one more is refused',
      async () => (await sql(rows(9 * MIB))).body.error?.code === 'NODE_BUSY',
    );
    expect((await sql(rows(9 * MIB), { token: writeToken })).status).toBe(200);
    expect((await sql({ sql: 'SELECT 1' })).status).toBe(200);
    for (const client of clients) client.close();
    await until(
      'the room is free again',
      async () => (await metric(primary, 'skein_http_answers_bytes')) === 0,
    );
    const tooLarge = await sql(rows(17 * MIB));
    expect(tooLarge.body.error).toMatchObject({
      code: 'RESULT_TOO_LARGE',
      message: expect.stringContaining('16 MiB'),
    });
  });

  it('are compressed for who asks, and are lines only for who asks', async () => {
    const ask = async (headers: Record<string, string>) => {
      const client = rawClient(primary.url);
      const body = JSON.stringify(rows(MIB));
      const all = { 'content-length': String(body.length), connection: 'close', ...headers };
      await client.send(headOf({ url: primary.url, token: readToken, headers: all }) + body);
      await client.ended;
      client.close();
      const [head = '', ...rest] = client.answer.text.split('\r\n\r\n');
      return { head: head.toLowerCase(), bytes: Buffer.from(rest.join('\r\n\r\n'), 'latin1') };
    };
    const plain = await ask({});
    expect(plain.head).not.toContain('content-encoding');
    const small = await ask({ 'accept-encoding': 'br, gzip;q=0.5' });
    expect(small.head).toContain('content-encoding: gzip');
    expect(small.bytes.length).toBeLessThan(plain.bytes.length / 50);
    expect(gunzipSync(small.bytes).length).toBeGreaterThan(MIB);
    expect((await ask({ 'accept-encoding': 'gzip;q=0' })).head).not.toContain('content-encoding');
    expect((await ask({ accept: 'application/x-ndjson;q=0' })).head).toContain(
      'content-type: application/json',
    );
    expect((await ask({ accept: 'application/x-ndjson' })).head).toContain(
      'content-type: application/x-ndjson',
    );
  });
});

describe('connections', () => {
  it('of strangers that say nothing are closed for newcomers, and nobody with a token is', async () => {
    const silent: RawClient[] = [];
    for (let i = 0; i < 600; i++) silent.push(rawClient(primary.url));
    for (let i = 0; i < HOSTILE; i++) expect((await sql({ sql: 'SELECT 1' })).status).toBe(200);
    expect(await metric(primary, 'skein_http_connections')).toBeLessThanOrEqual(250);
    await until(
      'those that said nothing are gone',
      async () => (await metric(primary, 'skein_http_connections')) < 40,
      {
        deadlineMs: 45_000,
      },
    );
    for (const client of silent) client.close();
  });

  it('that only one side has closed are not kept', async () => {
    const kinds = ['', 'GET /health HT', 'GET /health HTTP/1.1\r\nhost: a\r\n\r\n', 'nonsense\r\n\r\n'];
    const clients = kinds.flatMap((bytes) =>
      [true, false].map((closes) => {
        const client = rawClient(primary.url);
        void client.send(bytes).then(() => closes && client.halfClose());
        return client;
      }),
    );
    // Who has neither closed its side nor sent nonsense has the time for a head, or for the next request.
    await until('the others are ended', async () => {
      await Promise.all([0, 2, 4, 6, 7].map((i) => clients[i]?.ended));
      return true;
    });
    await until('and gone here', async () => (await metric(primary, 'skein_http_connections')) < 40);
    for (const client of clients) client.close();
  });

  it('that are all in use are as many as may be, and one more hears so', async () => {
    const replica = cluster.node('n2');
    const head = `GET /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${readToken}\r\n\r\n`;
    const clients: RawClient[] = [];
    for (let i = 0; i < 270; i++) {
      const client = rawClient(replica.url);
      clients.push(client);
      await client.send(head);
      await until('it has its answer, or its end', () => client.answer.status !== 0 || client.isOver, {
        intervalMs: 2,
      });
    }
    const statuses = clients.map(({ answer }) => answer.status);
    const refused = clients.find(({ answer }) => answer.status === 503);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(240);
    expect(refused?.answer.text).toMatch(
      /connection: close[\s\S]*NODE_BUSY[\s\S]*httpConnectionsPerAddressMax/,
    );
    for (const client of clients) client.close();
    await until('there is room again', () => replica.isReady());
  });
});

describe('a token that is revoked', () => {
  it('ends its streams, its reads and its transactions on every node', async () => {
    const { id, token } = await newToken('admin', 'to be revoked');
    const streams = cluster.nodes.flatMap((node) =>
      ['/v1/events', '/v1/logs?follow=true', '/v1/audit?follow=true'].map((path) => {
        const client = rawClient(node.url);
        void client.send(
          `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ${token}\r\n\r\n`,
        );
        return client;
      }),
    );
    const rows = rawClient(primary.url);
    const body = JSON.stringify({
      sql: "SELECT REPEAT('x', 20000), SLEEP(0.05) FROM demo.seq_1_to_2000",
      timeoutMs: 120_000,
    });
    const headers = {
      accept: 'application/x-ndjson',
      'content-length': String(body.length),
      connection: 'close',
    };
    await rows.send(headOf({ url: primary.url, token, headers }) + body);
    const tx = await primary.request<{ id: string }>(
      'POST',
      '/v1/tx',
      { idleMs: 120_000, totalMs: 300_000 },
      { token },
    );
    await sql({ sql: 'UPDATE demo.t SET v = v + 1 WHERE id = 1', tx: tx.body.id }, { token });
    const sleeping = sql({ sql: 'SELECT SLEEP(60)', timeoutMs: 90_000 }, { token, node: cluster.node('n2') });
    await until('the streams have begun', () =>
      [...streams, rows].every(({ answer }) => answer.status === 200),
    );
    const revokedAt = performance.now();
    expect((await primary.request('DELETE', `/v1/tokens/${id}`)).status).toBe(200);
    await Promise.all([...streams, rows].map(({ ended }) => ended));
    // The row's lock is free again.
    await primary.sql('UPDATE demo.t SET v = 7 WHERE id = 1', [], { timeoutMs: 10_000 });
    expect(await sleeping).toMatchObject({ status: 401, body: { error: { code: 'TOKEN_REVOKED' } } });
    expect(performance.now() - revokedAt).toBeLessThan(30_000);
    for (const { answer } of streams) {
      expect(answer.text).toContain('token.revoked');
      expect(answer.text).toContain('the token was revoked');
    }
    expect(rows.answer.text).toContain('"TOKEN_REVOKED"');
    expect(await primary.rows('SELECT v FROM demo.t WHERE id = 1')).toEqual([[7]]);
    for (const client of [...streams, rows]) client.close();
  });

  it('by a rotation or by its end has the same effect', async () => {
    for (const end of ['rotated', 'expired'] as const) {
      const made = await primary.request<{ id: string; token: string }>('POST', '/v1/tokens', {
        name: end,
        role: 'read',
        ...(end === 'expired' && { expiresAt: new Date(Date.now() + 10_000).toISOString() }),
      });
      const client = rawClient(primary.url);
      await client.send(
        `GET /v1/events HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ${made.body.token}\r\n\r\n`,
      );
      await until('the stream has begun', () => client.answer.status === 200);
      if (end === 'rotated') await primary.request('POST', `/v1/tokens/${made.body.id}/rotate`, {});
      await client.ended;
      expect(client.answer.text).toMatch(
        end === 'rotated' ? /the token was rotated/ : /the token has expired/,
      );
      client.close();
    }
  });
});

it('a token in a path stands nowhere', async () => {
  const paths = [`/v1/tokens/${readToken}/rotate`, `/${readToken}`, `/v1/${readToken.slice(6)}`];
  for (const path of paths) await primary.request('POST', path, {});
  const logs = await primary.request('GET', '/v1/logs?tail=10000');
  const audit = await primary.request('GET', '/v1/audit?tail=10000');
  for (const { text } of [logs, audit]) {
    expect(text).toContain('***');
    expect(text).not.toContain(readToken.slice(6));
  }
});

it('all the while the quorum was kept, the nodes stayed small, and nothing was lost', async () => {
  await pool.stop();
  expect(ledger.counts.acknowledged).toBeGreaterThan(20);
  for (const node of cluster.nodes) {
    const { peakRssBytes } = await memoryOf(await node.pid('node'));
    console.log(`${node.name}: peak RSS ${(peakRssBytes / MIB).toFixed(0)} MiB`);
    expect(peakRssBytes).toBeLessThan(RSS_MAX);
    const events = await node.request('GET', '/v1/audit?kind=event&tail=10000');
    expect(events.text).not.toContain('quorum.lost');
  }
  await until('all are live', async () => {
    const { members } = await primary.cluster();
    return members.length === 3 && members.every(({ state }) => state === 'live');
  });
  await checksumAtRest(primary, cluster.replicas);
  for (const node of cluster.nodes) await checkLedger(ledger, node, 'demo');
});

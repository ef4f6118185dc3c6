import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skein } from '../kit/cli.js';
import { TestCluster } from '../kit/cluster.js';
import {
  alertExpressions,
  faultsOf,
  parseScrape,
  type ScrapedSample,
  sampleValue,
} from '../kit/prometheus-text.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

const ROOT = join(import.meta.dirname, '../..');

let cluster: TestCluster;
let n1: TestNode;
let n2: TestNode;

beforeAll(async () => {
  cluster = await TestCluster.start({ replicas: 2 });
  n1 = cluster.node('n1');
  n2 = cluster.node('n2');
  await n1.sql('CREATE DATABASE ops');
  await n1.sql('CREATE TABLE ops.t (id INT PRIMARY KEY AUTO_INCREMENT, v TEXT)');
});

afterAll(async () => {
  await cluster?.dispose();
});

async function scrape(node: TestNode): Promise<ScrapedSample[]> {
  const answer = await node.request('GET', '/metrics');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parseScrape(answer.text);
}

/** A scrape of a replica that has applied all that this one of the primary has committed. */
function applied(node: TestNode, primary: ScrapedSample[]): Promise<ScrapedSample[]> {
  const committed = sampleValue(primary, 'skein_position', { stage: 'committed' });
  return until(`${node.name} has applied number ${committed}`, async () => {
    const now = await scrape(node);
    return sampleValue(now, 'skein_position', { stage: 'applied' }) >= committed ? now : null;
  });
}

describe('GET /metrics', () => {
  it('needs a token, and any role will do', async () => {
    expect((await n1.request('GET', '/metrics', undefined, { token: null })).status).toBe(401);
    const { body } = await n1.request<{ token: string }>('POST', '/v1/tokens', { name: 'p', role: 'read' });
    expect((await n1.request('GET', '/metrics', undefined, { token: body.token })).status).toBe(200);
  });

  it('counts what happens, on the primary and on a replica', async () => {
    const begin = await scrape(n1);
    const before = { n1: begin, n2: await applied(n2, begin) };
    for (let i = 0; i < 20; i++) await n1.sql('INSERT INTO ops.t (v) VALUES (?)', ['x']);
    const client = await (await import('mysql2/promise')).createConnection({
      host: '127.0.0.1',
      port: Number((await n1.cluster()).members.find(({ name }) => name === 'n1')?.mysqlRw?.split(':')[1]),
      user: 'app',
      password: n1.password('app'),
    });
    await client.query('INSERT INTO ops.t (v) VALUES (1)');
    const grown = (node: 'n1' | 'n2', now: ScrapedSample[], name: string, labels = {}) =>
      sampleValue(now, name, labels) - sampleValue(before[node], name, labels);

    const primary = await scrape(n1);
    expect(grown('n1', primary, 'skein_transactions_total', { stage: 'committed' })).toBe(21);
    expect(grown('n1', primary, 'skein_commit_wait_seconds_count')).toBe(21);
    expect(grown('n1', primary, 'skein_commit_wait_seconds_sum')).toBeGreaterThan(0);
    expect(grown('n1', primary, 'skein_link_sent_bytes_total', { peer: 'n2' })).toBeGreaterThan(21 * 50);
    expect(grown('n1', primary, 'skein_http_requests_total', { route: '/v1/sql', status: '200' })).toBe(20);
    expect(grown('n1', primary, 'skein_http_request_seconds_count', { route: '/v1/sql' })).toBe(20);
    expect(grown('n1', primary, 'skein_mysql_connections_total', { port: 'read-write' })).toBe(1);
    expect(sampleValue(primary, 'skein_mysql_connections', { port: 'read-write' })).toBe(1);
    expect(
      grown('n1', primary, 'skein_mysql_bytes_total', { port: 'read-write', direction: 'in' }),
    ).toBeGreaterThan(50);
    expect(sampleValue(primary, 'skein_role', { role: 'primary' })).toBe(1);
    expect(sampleValue(primary, 'skein_quorum_attached')).toBe(3);
    expect(sampleValue(primary, 'skein_member_state', { member: 'n3', state: 'live' })).toBe(1);
    expect(sampleValue(primary, 'skein_http_in_flight')).toBe(1);

    const replica = await applied(n2, primary);
    expect(grown('n2', replica, 'skein_transactions_total', { stage: 'applied' })).toBe(21);
    expect(grown('n2', replica, 'skein_spool_fsync_seconds_count')).toBeGreaterThan(0);
    expect(grown('n2', replica, 'skein_link_received_bytes_total', { peer: 'n1' })).toBeGreaterThan(21 * 50);
    expect(sampleValue(replica, 'skein_spool_bytes')).toBeGreaterThan(0);
    expect(sampleValue(replica, 'skein_role', { role: 'primary' })).toBe(0);

    const status = await until('the status counts the client of the MySQL port', async () => {
      const own = (await n2.cluster()).members.find(({ name }) => name === 'n1')?.mysqlConnections;
      return own?.readWrite === 1 ? own : null;
    });
    expect(status.readOnly).toBe(0);
    client.destroy();
  });

  it('has every metric and label that the alert rules ask for', async () => {
    const samples = (await Promise.all(cluster.nodes.map(scrape))).flat();
    const rules = alertExpressions(readFileSync(join(ROOT, 'monitoring/alerts.yml'), 'utf8'));
    expect(rules.size).toBeGreaterThan(12);
    const faults = [...rules].flatMap(([alert, expr]) =>
      faultsOf(expr, samples).map((fault) => `${alert}: ${fault}`),
    );
    expect(faults).toEqual([]);
    // The check itself finds what is wrong.
    expect(faultsOf('rate(skein_no_such_total[5m]) > 0', samples)).toEqual([
      'there is no skein_no_such_total',
    ]);
    expect(faultsOf('skein_role{role="chief"} == 1', samples)).toHaveLength(1);
  });
});

interface Created {
  id: string;
  token: string;
}

describe('tokens', () => {
  const ask = (node: TestNode, token: string) => node.request('GET', '/v1/cluster', undefined, { token });

  it('with a rate limit: 429 with Retry-After, on each node for itself', async () => {
    const { body } = await n1.request<Created>('POST', '/v1/tokens', {
      name: 'l',
      role: 'read',
      rateLimit: 5,
    });
    await until('n2 knows it', async () => (await ask(n2, body.token)).status === 200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(n1, body.token)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(5);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(refused[0]?.body.error).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await ask(n1, body.token)).status).toBe(200);
    expect(sampleValue(await scrape(n1), 'skein_http_limited_total')).toBe(refused.length);
  });

  it('are rotated without a restart, on all nodes, with a grace for the old text', async () => {
    const { body: first } = await n1.request<Created>('POST', '/v1/tokens', { name: 'r', role: 'read' });
    const rotate = (graceSeconds: number) =>
      n1.request<Created>('POST', `/v1/tokens/${first.id}/rotate`, { graceSeconds });
    const { body: second } = await rotate(3600);
    await until('n2 takes the new text', async () => (await ask(n2, second.token)).status === 200);
    expect((await ask(n2, first.token)).status).toBe(200);
    const { body: third } = await rotate(0);
    expect(new Set([first.token, second.token, third.token]).size).toBe(3);
    expect((await ask(n1, second.token)).status).toBe(401);
    await until('n2 takes the newest text only', async () => (await ask(n2, second.token)).status === 401);
    expect((await ask(n2, first.token)).status).toBe(401);
    expect((await ask(n2, third.token)).status).toBe(200);
    expect((await n1.request('POST', '/v1/tokens/tok_none/rotate', {})).status).toBe(404);
  });

  it('have their last use in the list, over all nodes', async () => {
    const { body } = await n1.request<Created>('POST', '/v1/tokens', {
      name: 'u',
      role: 'read',
      expiresAt: '2099-01-01T00:00:00Z',
    });
    const entry = async () => {
      const list = await skein(['token', 'list', '--json'], {
        env: { SKEIN_URL: n1.url, SKEIN_TOKEN: n1.adminToken },
      });
      expect(list.code).toBe(0);
      const tokens = (JSON.parse(list.stdout) as { tokens: { id: string; lastUsedAt: string | null }[] })
        .tokens;
      return tokens.find(({ id }) => id === body.id);
    };
    expect(await entry()).toMatchObject({
      lastUsedAt: null,
      expiresAt: expect.stringMatching(/^2099-01-01T00:00:00\.0+Z$/),
    });
    await until('n2 knows it', async () => (await ask(n2, body.token)).status === 200);
    expect((await entry())?.lastUsedAt).toMatch(/^\d{4}-.*Z$/);
  });
});

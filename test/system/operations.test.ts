import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe('GET /metrics', () => {
  it('needs a token, and any role will do', async () => {
    expect((await n1.request('GET', '/metrics', undefined, { token: null })).status).toBe(401);
    const { body } = await n1.request<{ token: string }>('POST', '/v1/tokens', { name: 'p', role: 'read' });
    expect((await n1.request('GET', '/metrics', undefined, { token: body.token })).status).toBe(200);
  });

  it('counts what happens, on the primary and on a replica', async () => {
    const before = { n1: await scrape(n1), n2: await scrape(n2) };
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

    const committed = sampleValue(primary, 'skein_position', { stage: 'committed' });
    const replica = await until('n2 has applied it all', async () => {
      const now = await scrape(n2);
      return sampleValue(now, 'skein_position', { stage: 'applied' }) >= committed ? now : null;
    });
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

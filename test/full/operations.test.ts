import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
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
import type { RequestOptions, TestNode } from '../kit/test-node.js';
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

    const isLive = (now: ScrapedSample[]) =>
      sampleValue(now, 'skein_quorum_attached') === 3 &&
      sampleValue(now, 'skein_member_state', { member: 'n3', state: 'live' }) === 1;
    const primary = await until('all count and are live', async () => {
      const now = await scrape(n1);
      return isLive(now) ? now : null;
    });
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
    // Only a cluster with certificates has what it asks for: tls.test.ts.
    expect(rules.delete('SkeinCertificateEnds')).toBe(true);
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
      rateLimit: 1,
    });
    await until('n2 knows it', async () => (await ask(n2, body.token)).status === 200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(n1, body.token)));
    const refused = answers.filter(({ status }) => status === 429);
    // One at once and one more for each second that the twenty took.
    expect(answers[0]?.status).toBe(200);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(refused[0]?.body.error).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    await until('it may ask again', async () => {
      const again = await ask(n1, body.token);
      if (again.status === 429) refused.push(again);
      return again.status === 200;
    });
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
    await until('the list has its last use', async () =>
      /^\d{4}-.*Z$/.test((await entry())?.lastUsedAt ?? ''),
    );
  });

  it('of an earlier table still count, and it gets its new columns when the primary opens', async () => {
    const { body } = await n1.request<Created>('POST', '/v1/tokens', { name: 'e', role: 'read' });
    const server = await n1.connect();
    await server.query(
      'ALTER TABLE skein.tokens DROP COLUMN rate_limit, DROP COLUMN previous_hash, DROP COLUMN previous_until',
    );
    server.destroy();
    await until('n2 knows it', async () => (await ask(n2, body.token)).status === 200);
    const rotate = () => n1.request('POST', `/v1/tokens/${body.id}/rotate`, {});
    expect(await rotate()).toMatchObject({
      status: 400,
      body: { error: { code: 'ER_BAD_FIELD_ERROR', applied: 'no' } },
    });
    const pid = await n1.kill('node');
    await n1.untilRestarted('node', pid);
    await cluster.makePrimary('n1');
    expect((await ask(n1, body.token)).status).toBe(200);
    expect((await rotate()).status).toBe(200);
  });
});

interface AuditLine {
  seq: number;
  kind: string;
  [field: string]: unknown;
}

describe('audit trail', () => {
  const as = (node: TestNode) => ({ env: { SKEIN_URL: node.url, SKEIN_TOKEN: node.adminToken } });
  const linesOf = (text: string) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AuditLine);
  const find = (query: string, options: RequestOptions = {}) =>
    n1.request('GET', `/v1/audit?${query}`, undefined, options);

  it('has every request with who, what and how it ended, and no secret', async () => {
    const { body } = await n1.request<Created>('POST', '/v1/tokens', { name: 'a', role: 'write' });
    const requestId = `audit-${Date.now()}`;
    const options = { token: body.token, headers: { 'x-request-id': requestId } };
    await n1.request(
      'POST',
      '/v1/sql',
      { sql: "INSERT INTO ops.t (v) VALUES (?), ('literal-secret')", params: ['parameter-secret'] },
      options,
    );
    await n1.request('POST', '/v1/sql', { sql: 'SELECT nonsense FROM ops.t WHERE id = 17' }, options);
    await n1.request('GET', '/v1/audit', undefined, options);
    const lines = await until('all three have their lines', async () => {
      const found = linesOf((await find(`requestId=${requestId}`)).text);
      return found.length >= 3 ? found : null;
    });
    expect(lines).toEqual([
      expect.objectContaining({
        kind: 'request',
        node: 'n1',
        token: body.id,
        role: 'write',
        method: 'POST',
        path: '/v1/sql',
        status: 200,
        outcome: 'ok',
        affected: 2,
        address: '127.0.0.1',
        durationMs: expect.any(Number),
        statements: [{ sql: 'INSERT INTO ops.t (v) VALUES (?), (?)', params: 1 }],
      }),
      expect.objectContaining({
        status: 400,
        outcome: 'ER_BAD_FIELD_ERROR',
        applied: 'no',
        statements: [{ sql: 'SELECT nonsense FROM ops.t WHERE id = ?', params: 0 }],
      }),
      expect.objectContaining({ status: 403, outcome: 'FORBIDDEN', path: '/v1/audit' }),
    ]);
    const all = (await find('tail=10000')).text;
    for (const secret of [body.token, n1.adminToken, 'literal-secret', 'parameter-secret']) {
      expect(all).not.toContain(secret);
    }
    expect(linesOf(all)).toContainEqual(expect.objectContaining({ createdToken: body.id, status: 201 }));
    expect(linesOf(all)).toContainEqual(expect.objectContaining({ kind: 'event', event: 'role.open' }));
    expect(linesOf(all)).toContainEqual(expect.objectContaining({ kind: 'node', action: 'start' }));
  });

  it('is not pushed out by strangers: of a flood a few have a line, and the others are counted', async () => {
    const since = new Date().toISOString();
    const started = performance.now();
    const askAsStranger = () => n1.request('GET', '/v1/cluster', undefined, { token: null });
    await Promise.all(Array.from({ length: 100 }, askAsStranger));
    let asked = 100;
    // The first line of a later second has the count of those before it that have none.
    const lines = await until('each is recorded or counted', async () => {
      await askAsStranger();
      asked++;
      const found = linesOf((await find(`since=${since}&outcome=UNAUTHORIZED&tail=1000`)).text);
      const unrecorded = found.reduce((sum, line) => sum + Number(line.unrecorded ?? 0), 0);
      return found.length + unrecorded === asked ? found : null;
    });
    // Ten a second (STRANGERS_PER_SECOND), and a full measure at the beginning.
    expect(lines.length).toBeLessThanOrEqual(10 * (2 + (performance.now() - started) / 1000));
  });

  it('is followed: what matches comes at once', async () => {
    const response = await fetch(`${n1.url}/v1/audit?follow=true&tail=1&text=ops.followed`, {
      headers: { authorization: `Bearer ${n1.adminToken}` },
      signal: AbortSignal.timeout(60_000),
    });
    expect(response.headers.get('content-type')).toContain('x-ndjson');
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    await n1.sql('SELECT 1 AS `ops.other`');
    await n1.sql('SELECT 1 AS `ops.followed`');
    const { value = '' } = (await reader?.read()) ?? {};
    expect(linesOf(value)).toEqual([expect.objectContaining({ path: '/v1/sql' })]);
    await reader?.cancel();
  });

  it('is read and verified from the command line, and shows who laid hands on it', async () => {
    const tail = await skein(['audit', 'tail', '--count', '3'], as(n1));
    expect(tail.code, tail.stderr).toBe(0);
    expect(tail.stdout.trimEnd().split('\n')).toHaveLength(3);
    const search = await skein(['audit', 'search', '--text', 'ops.followed', '--json'], as(n1));
    expect(linesOf(search.stdout)).toContainEqual(expect.objectContaining({ path: '/v1/sql', status: 200 }));

    const verify = () => skein(['audit', 'verify', cluster.directory]);
    const before = await verify();
    expect(before, before.stdout).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('n3/audit: in order'),
    });
    const directory = join(n2.directory, 'audit');
    const file = join(directory, readdirSync(directory).find((name) => name.endsWith('.jsonl')) ?? '');
    // In its place, and while the node stands still: what it writes meanwhile must not be lost.
    const at = readFileSync(file, 'latin1').indexOf('"action":"start"') + '"action":"'.length;
    const put = (text: string) => {
      const fd = openSync(file, 'r+');
      writeSync(fd, text, at, 'latin1');
      closeSync(fd);
    };
    await n2.freeze('node');
    put('START');
    const after = await verify();
    put('start');
    await n2.unfreeze('node');
    expect(after.code).toBe(1);
    expect(after.stdout).toMatch(
      /n2\/audit: NOT in order, 1 fault .*\n {2}audit-0{15}1\.jsonl:2: line number 2, or the line before it, was changed/,
    );
  });

  it('goes on in order after kill -9 of the node', async () => {
    const stop = new AbortController();
    const load = (async () => {
      while (!stop.signal.aborted) await n2.sql('SELECT 1').catch(() => {});
    })();
    const pid = await n2.kill('node');
    await n2.untilRestarted('node', pid);
    await n2.untilReady();
    stop.abort();
    await load;
    const verdict = await skein(['audit', 'verify', n2.directory]);
    expect(verdict.code, verdict.stdout).toBe(0);
    const starts = await n2.request('GET', '/v1/audit?kind=node');
    expect(linesOf(starts.text).filter(({ action }) => action === 'start')).toHaveLength(2);
  });
});

describe('GET /v1/logs', () => {
  const logs = async (query: string) => {
    const answer = await n1.request('GET', `/v1/logs?${query}`);
    expect(answer.status, answer.text).toBe(200);
    return answer.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { level: string; time: string; part?: string; msg: string });
  };

  it('filters by level, time, part and text', async () => {
    const all = await logs('tail=10000');
    expect(new Set(all.map(({ level }) => level))).toContain('info');
    const warnings = await logs('level=warn&tail=10000');
    expect(warnings.length).toBeGreaterThan(0);
    const bad = all.filter(({ level }) => level === 'warn' || level === 'error');
    // Others may have come since.
    expect(warnings.slice(0, bad.length)).toEqual(bad);
    const middle = all[Math.floor(all.length / 2)]?.time ?? '';
    const later = await logs(`since=${middle}&tail=10000`);
    // The lines of two threads are not quite in the order of their times.
    expect(later.length).toBeGreaterThanOrEqual(all.filter(({ time }) => time >= middle).length);
    expect(later.every(({ time }) => time >= middle)).toBe(true);
    expect((await logs(`until=${middle}&tail=10000`)).every(({ time }) => time < middle)).toBe(true);
    expect((await logs('part=link&text=LISTENING&tail=1')).map(({ msg }) => msg)).toEqual(['link listening']);
    expect(await logs('tail=3')).toHaveLength(3);
    expect((await n1.request('GET', '/v1/logs?level=loud')).status).toBe(400);
    expect((await n1.request('GET', '/v1/logs?since=yesterday')).status).toBe(400);
  });

  it('is followed', async () => {
    const response = await fetch(`${n1.url}/v1/logs?follow=true&tail=1&text=follow-me`, {
      headers: { authorization: `Bearer ${n1.adminToken}` },
      signal: AbortSignal.timeout(60_000),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    await n1.request('GET', '/v1/nothing', undefined, { headers: { 'x-request-id': 'follow-me' } });
    const { value = '' } = (await reader?.read()) ?? {};
    expect(JSON.parse(value)).toMatchObject({ requestId: 'follow-me', status: 404 });
    await reader?.cancel();
  });
});

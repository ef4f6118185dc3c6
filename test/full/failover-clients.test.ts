import { afterAll, beforeAll, expect, it } from 'vitest';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { openThrough } from '../kit/role-writers.js';
import type { ErrorAnswer, HttpAnswer, SqlAnswer, TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

/** What clients see while their primary is lost: they wait for the next one, and are told the truth about what was under way. */

const DATABASE = 'clients_db';
const INSERT = 'INSERT INTO t (name) VALUES (?)';

let cluster: TestCluster;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  const first = await primary();
  await first.sql(`CREATE DATABASE ${DATABASE}`);
  await first.sql(
    'CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100), UNIQUE (name))',
    [],
    {
      database: DATABASE,
    },
  );
});

afterAll(async () => {
  await cluster?.dispose();
});

/** The open primary, with all others ready. */
async function primary(): Promise<TestNode> {
  for (const node of cluster.nodes) await node.untilReady(90_000);
  return await until('a primary is open', () => cluster.electedPrimary(), { context: () => cluster.logs() });
}

function primaryBut(old: TestNode): Promise<TestNode> {
  return until(
    `another primary than ${old.name}`,
    async () => {
      for (const node of cluster.nodes) if (node !== old && (await node.isOpenPrimary())) return node;
      return null;
    },
    { context: () => cluster.logs() },
  );
}

const but = (old: TestNode) => cluster.nodes.filter((node) => node !== old) as [TestNode, TestNode];

type Answer = HttpAnswer<SqlAnswer>;

function write(
  node: TestNode,
  name: string,
  { forward = false, key, sql = INSERT }: { forward?: boolean; key?: string; sql?: string } = {},
): Promise<Answer> {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  const body = { sql, params: [name], database: DATABASE, ...(forward && { forward }) };
  return node.request('POST', '/v1/sql', body, { headers, timeoutMs: 60_000 });
}

/** The node may have connected to a process that was dying: then only the key tells what happened. */
async function writeOnce(node: TestNode, name: string): Promise<Answer> {
  const send = () => write(node, name, { forward: true, key: name.replaceAll(' ', '-') });
  const answer = await send();
  return answer.status === 504 && answer.body.error?.applied === 'unknown' ? await send() : answer;
}

async function writeThrough(node: TestNode, name: string): Promise<void> {
  const connection = await openThrough(cluster, node, DATABASE);
  try {
    await connection.query(INSERT, [name]);
  } finally {
    connection.destroy();
  }
}

async function count(node: TestNode, name: string): Promise<number> {
  const [row] = await node.rows('SELECT COUNT(*) FROM t WHERE name = ?', [name], { database: DATABASE });
  return Number(row?.[0]);
}

/** Until it has noticed the loss, a replica answers at once, and names the old primary. */
function onceNoticed<T extends { readonly body: { error?: ErrorAnswer } }>(
  old: TestNode,
  ask: () => Promise<T>,
): Promise<T> {
  return until(`an answer that does not name ${old.name}`, async () => {
    const answer = await ask();
    return answer.body.error?.primary === old.url ? null : answer;
  });
}

interface Outcome {
  readonly applied: 'yes' | 'no' | 'unknown';
}

const outcome = (node: TestNode, key: string) => node.request<Outcome>('GET', `/v1/outcome/${key}`);

it('node and server killed: new requests and connections go on at the next primary', async () => {
  const old = await primary();
  const others = but(old);
  await Promise.all([old.kill('node'), old.kill('server')]);
  const [plain, forwarded] = await Promise.all([
    Promise.all(others.map((node) => onceNoticed(old, () => write(node, `plain at ${node.name}`)))),
    Promise.all(others.map((node) => writeOnce(node, `forwarded at ${node.name}`))),
    Promise.all(others.map((node) => writeThrough(node, `through ${node.name}`))),
  ]);
  const next = await primaryBut(old);
  for (const { status, text } of forwarded) expect([status, text]).toEqual([200, expect.anything()]);
  for (const [at, node] of others.entries()) {
    const { status, body, text } = plain[at] as Answer;
    if (node === next) expect([status, text]).toEqual([200, expect.anything()]);
    else expect([status, body.error?.code, body.error?.primary]).toEqual([421, 'NOT_PRIMARY', next.url]);
    for (const how of ['forwarded at', 'through'])
      expect(await count(next, `${how} ${node.name}`), `${how} ${node.name}`).toBe(1);
  }
  // The old primary is back, and leads its clients to the next one.
  await old.untilReady(90_000);
  await writeThrough(old, 'through the old primary');
  const { body } = await write(old, 'at the old primary');
  expect(body.error?.primary).toBe(next.url);
});

it('what was under way is unknown to its client, and its key tells the truth afterwards', async () => {
  const old = await primary();
  const [one, other] = but(old);
  const kept = await write(other, 'kept', { forward: true, key: 'kept-key' });
  expect(kept.status).toBe(200);
  const slow = "INSERT INTO t (name) SELECT CONCAT(?, IF(SLEEP(20), '', ''))";
  const underWay = write(one, 'under way', { forward: true, key: 'lost-key', sql: slow });
  await until('the statement runs', async () => {
    const running = await old.rows(
      "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep'",
    );
    return Number(running[0]?.[0]) === 1;
  });
  await Promise.all([old.kill('node'), old.kill('server')]);
  const lost: { status: number; body: { error?: ErrorAnswer } } = await underWay;
  expect([lost.status, lost.body.error?.applied]).toEqual([504, 'unknown']);
  const next = await primaryBut(old);
  for (const node of [one, other]) {
    const answer = await onceNoticed(old, () => outcome(node, 'lost-key'));
    if (node === next) expect([answer.status, answer.body.applied]).toEqual([200, 'no']);
    else expect([answer.status, answer.body.error?.primary]).toEqual([421, next.url]);
  }
  expect(await count(next, 'under way')).toBe(0);
  expect((await outcome(next, 'kept-key')).body.applied).toBe('yes');
  const again = await write(other, 'kept', { forward: true, key: 'kept-key' });
  expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
  expect(await count(next, 'kept')).toBe(1);
});

it('only the server killed: a request to the primary goes on, wherever the primary is then', async () => {
  const old = await primary();
  const session = await openThrough(cluster, old, DATABASE);
  const cut = new Promise<void>((resolve) => session.on('end', resolve).on('error', () => resolve()));
  await old.kill('server');
  const [answer] = await Promise.all([
    write(old, 'at the primary without a server'),
    ...cluster.nodes.map((node) => writeThrough(node, `without a server through ${node.name}`)),
    cut,
  ]);
  session.destroy();
  expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
  const next = await primary();
  expect(await count(next, 'at the primary without a server')).toBe(1);
});

it('node and server stopped: nothing waits for the old primary longer than for the next', async () => {
  const old = await primary();
  const [one, other] = but(old);
  const session = await openThrough(cluster, one, DATABASE);
  const cut = new Promise<void>((resolve) => session.on('end', resolve).on('error', () => resolve()));
  await Promise.all([old.freeze('node'), old.freeze('server')]);
  const beganAtMs = performance.now();
  const [hanging] = await Promise.all([
    write(one, 'sent to the stopped primary', { forward: true, key: 'stopped-key' }),
    writeThrough(one, 'begun at a stopped primary'),
    cut,
  ]);
  session.destroy();
  const next = await primaryBut(old);
  const tookMs = performance.now() - beganAtMs;
  expect([hanging.status, hanging.body.error?.applied], `after ${tookMs} ms`).toEqual([504, 'unknown']);
  // The requests themselves have 30 s.
  expect(tookMs).toBeLessThan(25_000);
  expect((await outcome(next, 'stopped-key')).body.applied).toBe('no');
  expect((await write(other, 'meanwhile', { forward: true })).status).toBe(200);
  const { epoch } = await next.cluster();
  await Promise.all([old.unfreeze('server'), old.unfreeze('node')]);
  await until('the old primary follows', async () => {
    const status = await old.cluster();
    return status.primary === next.name && status.epoch >= epoch;
  });
  await writeThrough(old, 'through the woken primary');
  expect(await count(next, 'through the woken primary')).toBe(1);
  expect(await count(next, 'sent to the stopped primary')).toBe(0);
});

it('says why: who would be elected, what the last failover was, and what is waited for', async () => {
  const old = await primary();
  const others = but(old);
  const seen = await until('every node says who would take over', async () => {
    const each = await Promise.all(cluster.nodes.map((node) => node.cluster()));
    const isTold = each.every(
      ({ failover }) => failover?.elected != null && failover.last?.primary === old.name,
    );
    return isTold ? each : null;
  });
  for (const { failover } of seen) {
    expect(others.map(({ name }) => name)).toContain(failover?.elected);
    expect(failover?.afterDeathMs).toBeLessThan(failover?.afterSilenceMs ?? 0);
    expect(failover?.last).toMatchObject({ primary: old.name, reason: expect.stringContaining('Votes:') });
  }
  const metrics = (await old.request('GET', '/metrics')).text;
  expect(metrics).toMatch(/^skein_failover_pause_seconds \d/m);
  expect(metrics).toMatch(/^skein_primary_known 1$/m);
  const [alone, silent] = others;
  await Promise.all([old, silent].flatMap((node) => [node.freeze('node'), node.freeze('server')]));
  try {
    const waiting = await until('it says what it waits for', async () => {
      const status = await alone.cluster();
      return status.primary === null && status.failover?.elected === null ? status : null;
    });
    const words = waiting.failover?.against.join(' ');
    expect(words).toContain(`only 1 would vote (${alone.name})`);
    for (const { name } of [old, silent]) expect(words).toContain(`${name} was not heard for`);
    expect((await alone.request('GET', '/metrics')).text).toMatch(/^skein_primary_known 0$/m);
  } finally {
    await Promise.all([old, silent].flatMap((node) => [node.unfreeze('server'), node.unfreeze('node')]));
  }
  await primary();
});

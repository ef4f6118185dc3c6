import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { FORWARDED_BY } from '../../src/http/forward.js';
import { type Answer, HttpNode } from '../kit/http-node.js';
import { signalPid, stopAndWait } from '../kit/processes.js';
import { until } from '../kit/until.js';

/**
 * A request that meets a change of the primary, at each moment: its client never sees that as an error of the request. The server
 * stands still meanwhile, so that the moment is certain.
 */

const INSERT = 'INSERT INTO d.t (name) VALUES (?)';

let http: HttpNode;

beforeAll(async () => {
  http = await HttpNode.start({ primaryWaitMs: 20_000 });
  await http.sql('CREATE DATABASE d');
  await http.sql('CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50))');
  await http.sql(
    "CREATE FUNCTION d.writes() RETURNS INT BEGIN INSERT INTO d.t (name) VALUES ('f'); RETURN 1; END",
  );
});

afterAll(async () => {
  await http?.stop();
});

/** A request whose head is complete only when the node is stopping. */
it('a node that is stopping refuses a late request as it refuses any other', async () => {
  const stopping = await HttpNode.start();
  const { port } = new URL(stopping.url);
  const socket = connect(Number(port), '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += String(bytes);
  });
  await once(socket, 'connect');
  socket.write(`POST /v1/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stopping.tokens.write}\r\n`);
  // It has been read when another request was answered after it.
  await stopping.sql('SELECT 1');
  const stopped = stopping.stop();
  socket.write('Content-Length: 2\r\n\r\n{}');
  await once(socket, 'close');
  await stopped;
  expect(answer).toContain('HTTP/1.1 503');
  expect(answer).toContain('"code":"NOT_OPEN"');
  expect(answer).toContain('"retryable":true');
});

afterEach(() => {
  signalPid(http.serverPid, 'SIGCONT');
});

/** As if another node had sent the request on: then it is answered without a wait for the primary. */
const SENT_ON = { headers: { [FORWARDED_BY]: 'n2' } };

const post = (body: object, more: object = {}) => http.call('/v1/sql', { role: 'write', body, ...more });
const write = (name: string, more: object = {}) => post({ sql: INSERT, params: [name], ...more });

async function count(name: string): Promise<number> {
  const { results } = await http.sql({ sql: 'SELECT COUNT(*) FROM d.t WHERE name = ?', params: [name] });
  return Number(results[0].rows[0][0]);
}

async function grant(isOpen: boolean): Promise<void> {
  const control = await http.node.control();
  await control.run('SET SESSION sql_log_bin = 0');
  for (const statement of mariadb.accounts.writerStatements(isOpen)) await control.run(statement);
  await control.run('SET SESSION sql_log_bin = 1');
}

async function asServer(role: 'primary' | 'replica'): Promise<void> {
  await (await http.node.control()).run(`SET GLOBAL read_only = ${role === 'primary' ? 0 : 1}`);
}

/** A request that finds its session in the pool is sent in a moment. */
const SENT_MS = 3_000;

/**
 * Moves the role while the request's statement is at the server, which stands still meanwhile. The session of the request before may
 * not be back in the pool yet; then this one logs in, which a server that stands does not answer, and it is tried again.
 */
async function moveUnder(request: () => Promise<Answer>, to: 'primary' | 'replica'): Promise<Answer> {
  for (;;) {
    const given = http.node.sessionsGiven;
    await stopAndWait(http.serverPid);
    const answer = request();
    const isSent = await until('its statement is sent', () => http.node.sessionsGiven > given, {
      deadlineMs: SENT_MS,
    }).catch(() => false);
    if (isSent) http.node.becomes(to);
    signalPid(http.serverPid, 'SIGCONT');
    // The server answers before it is another role's: it executes what came before.
    if (isSent) await asServer(to);
    const answered = await answer;
    if (isSent) return answered;
  }
}

describe('a replica becomes the primary', () => {
  beforeEach(async () => {
    await asServer('replica');
    http.node.becomes('replica');
    // Leaves a session for the next request, which is then sent without a login.
    expect((await post({ sql: INSERT, params: ['refused'] }, SENT_ON)).status).toBe(421);
  });

  it.each([
    ['a write', { sql: INSERT, params: ['one'] }],
    [
      'a write in a transaction',
      { statements: [{ sql: INSERT, params: ['in a transaction'] }], transaction: true },
    ],
    ['DDL', { sql: 'CREATE OR REPLACE TABLE d.made (id INT PRIMARY KEY)' }],
    ['a read that writes', { sql: 'SELECT d.writes()' }],
  ])('while the server has it: %s', async (_what, body) => {
    const { status, text } = await moveUnder(() => post(body), 'primary');
    expect([status, text]).toEqual([200, expect.anything()]);
  });

  it('while the server has it, and its account may not write yet', async () => {
    await grant(false);
    try {
      const answer = moveUnder(() => write('without the right'), 'primary');
      await until('the role has moved', () => http.node.role() === 'primary');
      await grant(true);
      expect(await answer).toMatchObject({ status: 200 });
    } finally {
      await grant(true);
    }
    expect(await count('without the right')).toBe(1);
  });

  it('while the request waits for a position', async () => {
    const [domain, server, number] = (await http.gtid()).split('-');
    const after = `1.${Number(number) + 1}.${domain}-${server}-${Number(number) + 1}`;
    const asked = http.node.positionsAsked;
    const answer = write('after a position', { read: { level: 'session', after } });
    await until('it waits', () => http.node.positionsAsked > asked);
    http.node.becomes('primary');
    await asServer('primary');
    await (await http.node.control()).run("INSERT INTO d.t (name) VALUES ('reaches the position')");
    expect(await answer).toMatchObject({ status: 200 });
  });
});

it('a primary becomes a replica while its server refuses a write', async () => {
  http.node.becomes('primary');
  await asServer('primary');
  expect((await write('before')).status).toBe(200);
  await asServer('replica');
  const given = http.node.sessionsGiven;
  await stopAndWait(http.serverPid);
  const answer = post({ sql: INSERT, params: ['refused'] }, SENT_ON);
  await until('its statement is sent', () => http.node.sessionsGiven > given);
  http.node.becomes('replica');
  signalPid(http.serverPid, 'SIGCONT');
  const { status, body: said } = await answer;
  expect([status, said.error]).toMatchObject([421, { code: 'NOT_PRIMARY', applied: 'no' }]);
});

/**
 * Two nodes with a server and a witness, which has none: the cluster survives the loss of any one of the three, and loses
 * nothing that was acknowledged.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSkeinError } from '../../src/model/error.js';
import type { ClusterStatus, MembersDocument } from '../../src/model/status.js';
import { freePorts, isAlive, killAndWait } from '../kit/processes.js';
import { SetUpNode } from '../kit/set-up-node.js';
import { until } from '../kit/until.js';

let base: string;
let n1: SetUpNode;
let n2: SetUpNode;
let w3: SetUpNode;
/** Ids of the rows that were acknowledged. */
const acknowledged: number[] = [];
let nextId = 1;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'skein-witness-'));
  const port = await freePorts([0, 1, 2, 3]);
  const machine = (name: string, host: string, isWitness = false) =>
    new SetUpNode({
      ...{ directory: join(base, name), host },
      ports: [port, port + 1, isWitness ? null : port + 2],
    });
  [n1, n2, w3] = [machine('n1', '127.0.0.1'), machine('n2', '127.0.0.2'), machine('w3', '127.0.0.3', true)];
  expect(await n1.setUp(['init', '--listen', n1.host])).toMatchObject({ code: 0 });
  n2.token = readFileSync(join(n1.directory, 'admin.token'), 'utf8').trim();
  n1.start();
  await n1.untilStatus('n1 is live', ({ members }) => members[0]?.state === 'live');
}, 120_000);

afterAll(async () => {
  await Promise.all([n1, n2, w3].map((each) => each?.end()));
  await rm(base, { recursive: true, force: true });
});

const servers = () => [n1, n2];
const nameOf = (machine: SetUpNode) => machine.directory.slice(base.length + 1);

const allLive = ({
  quorum,
  members,
}: {
  quorum: { voters: number };
  members: readonly { state: string }[];
}) => quorum.voters === 3 && members.length === 3 && members.every(({ state }) => state === 'live');

/** Whether a node answers this with 200. */
const answers = (machine: SetUpNode, path: '/primary' | '/health') =>
  machine.request('GET', path).then(
    () => true,
    () => false,
  );

/** The machine whose server is open as the primary. */
function untilPrimary(among: readonly SetUpNode[] = servers()): Promise<SetUpNode> {
  return until('a primary serves', async () => {
    for (const each of among) {
      if (await answers(each, '/primary')) return each;
    }
    return null;
  });
}

/** @throws SkeinError when it is not acknowledged */
async function write(primary: SetUpNode): Promise<void> {
  const id = nextId++;
  await primary.request('POST', '/v1/sql', { sql: `INSERT INTO shop.t VALUES (${id})` });
  acknowledged.push(id);
}

async function writes(primary: SetUpNode, count: number): Promise<void> {
  for (let each = 0; each < count; each++) await write(primary);
}

async function killServerAndNode(machine: SetUpNode): Promise<void> {
  const pids = await Promise.all([machine.pid('node'), machine.pid('server')]);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until('both are gone', async () => !(await isAlive(pids[0])) && !(await isAlive(pids[1])));
}

async function idsOn(machine: SetUpNode): Promise<number[]> {
  return (await machine.rows('SELECT id FROM shop.t ORDER BY id')).map(([id]) => Number(id));
}

/** Every acknowledged row is there, and no row is there on one server alone. */
async function expectWhole(): Promise<void> {
  await until(
    'both servers have the same rows',
    async () => JSON.stringify(await idsOn(n1)) === JSON.stringify(await idsOn(n2)),
  );
  expect(await idsOn(n1)).toEqual(expect.arrayContaining(acknowledged));
}

const statusOf = (machine: SetUpNode) =>
  machine.request<ClusterStatus>('GET', '/v1/cluster').then(({ body }) => body);

/** Code of the refusal of a request. */
async function refusal(
  asked: Promise<unknown>,
): Promise<{ code: string; message: string; primary: unknown }> {
  const error = await asked.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!isSkeinError(error)) throw new Error(`not refused: ${String(error)}`);
  return { code: error.code, message: error.message, primary: error.data.primary };
}

describe('a witness', () => {
  it('is refused in a cluster with one server', async () => {
    const { code, stderr } = await w3.setUp([...(await n1.joinLine()), '--listen', w3.host, '--witness']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('another member with a server has to join')]);
    expect(existsSync(join(w3.directory, 'node.json'))).toBe(false);
  });

  it('joins without a server, and becomes a voter by itself', { timeout: 180_000 }, async () => {
    const two = await n2.setUp([...(await n1.joinLine()), '--listen', n2.host]);
    expect([two.code, two.stderr]).toEqual([0, expect.stringContaining('member n2')]);
    n2.start();
    await n1.untilStatus('two voters', ({ quorum }) => quorum.voters === 2);
    for (const sql of ['CREATE DATABASE shop', 'CREATE TABLE shop.t (id INT PRIMARY KEY)'])
      expect((await n1.skein(['sql', sql])).code).toBe(0);
    await writes(n1, 5);

    const line = [...(await n1.joinLine()), '--listen', w3.host, '--name', 'w3', '--witness'];
    const joined = await w3.setUp(line);
    expect([joined.code, joined.stderr]).toEqual([0, expect.stringContaining('a witness, the member w3')]);
    expect(joined.stderr).toContain('admin token of this witness alone');
    const file = JSON.parse(readFileSync(join(w3.directory, 'node.json'), 'utf8'));
    expect(file).toMatchObject({ witness: true, mysqlPorts: null });
    w3.start();
    await n1.untilStatus('three voters', allLive);
    await writes(n1, 5);
    expect(
      ['data', 'server.pid', 'server.log'].filter((name) => existsSync(join(w3.directory, name))),
    ).toEqual([]);
  });

  it('is shown as one, by every node', async () => {
    for (const each of [n1, n2, w3]) {
      const { members } = await until('it knows all roles', async () => {
        const status = await statusOf(each);
        return status.members.every(({ state }) => state === 'live') ? status : null;
      });
      expect(members.map(({ name, role }) => [name, role])).toEqual([
        ...[
          ['n1', 'primary'],
          ['n2', 'replica'],
          ['w3', 'witness'],
        ],
      ]);
    }
    expect((await n1.skein(['status'])).stdout).toMatch(/w3 +witness +live +- /);
    const { body } = await n1.request<MembersDocument>('GET', '/v1/members');
    expect(body.members.map(({ name, voter, witness }) => [name, voter, witness ?? false])).toEqual([
      ...[
        ['n1', true, false],
        ['n2', true, false],
        ['w3', true, true],
      ],
    ]);
    await until('n2 would take over', async () => (await statusOf(n1)).failover?.elected === 'n2');
  });

  it('refuses statements, and says where they go', async () => {
    const primary = (await statusOf(n1)).members.find(({ name }) => name === 'n1')?.http;
    for (const sql of ['SELECT 1', 'INSERT INTO shop.t VALUES (0)'])
      expect(await refusal(w3.request('POST', '/v1/sql', { sql }))).toMatchObject({
        ...{ code: 'WITNESS', primary, message: expect.stringContaining('w3 is a witness') },
      });
    expect((await refusal(w3.request('GET', '/v1/backup'))).code).toBe('WITNESS');
    const at = JSON.parse(readFileSync(join(w3.directory, 'node.json'), 'utf8')).http;
    const plain = (path: string, init?: RequestInit) => fetch(`http://${at.host}:${at.port}${path}`, init);
    const answers = await Promise.all(
      ['/health', '/ready', '/primary', '/replica'].map((path) => plain(path)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 503, 503]);
    // The cluster's tokens are in the database.
    const headers = { authorization: `Bearer ${n2.token}` };
    const unknown = await plain('/v1/cluster', { headers });
    expect([unknown.status, await unknown.text()]).toEqual([401, expect.stringContaining(`${primary}`)]);
  });

  it('is never the target of an order', async () => {
    const to = await refusal(n1.request('POST', '/v1/cluster/switchover', { to: 'w3' }));
    expect(to).toMatchObject({ code: 'NO_TARGET', message: expect.stringContaining('w3 is a witness') });
    expect((await refusal(n1.request('POST', '/v1/nodes/w3/reseed'))).code).toBe('SEED_OF_WITNESS');
    const forced = await refusal(w3.request('POST', '/v1/nodes/w3/promote', { force: true }));
    expect(forced).toMatchObject({
      ...{ code: 'FORCE_IMPOSSIBLE', message: expect.stringContaining('w3 is a witness') },
    });
    const { stdout, code } = await n1.skein(['verify', '--json']);
    expect([code, stdout.includes('"n2"'), stdout.includes('"w3"')]).toEqual([0, true, false]);
  });

  it('may die: nobody notices', async () => {
    const { epoch } = await statusOf(n1);
    await killAndWait(await w3.pid('node'));
    await writes(n1, 10);
    w3.start();
    await n1.untilStatus('it is back', allLive);
    await until('it has what was written', async () => {
      const { members } = await statusOf(n1);
      const [first, , witness] = members.map(({ positions }) => positions.durable);
      return first === witness;
    });
    expect((await statusOf(n1)).epoch).toBe(epoch);
  });
});

it('may lose its disk: it is a learner, and then a voter again', { timeout: 120_000 }, async () => {
  await killAndWait(await w3.pid('node'));
  for (const lost of ['spool', 'state']) await rm(join(w3.directory, lost), { recursive: true, force: true });
  await writes(n1, 5);
  w3.start();
  await until('it was admitted again', () => {
    const [, since] = readFileSync(join(n1.directory, 'node.log'), 'utf8').split('"member.reset"');
    return since?.includes('w3 is now a voter');
  });
  await n1.untilStatus('it is live', allLive);
  await writes(n1, 5);
});

describe('the loss of one of two servers', () => {
  it('the primary: the other one serves, and has everything', { timeout: 120_000 }, async () => {
    const primary = await untilPrimary();
    await writes(primary, 10);
    const lostAt = performance.now();
    await killServerAndNode(primary);
    const other = await untilPrimary(servers().filter((each) => each !== primary));
    const pauseMs = Math.round(performance.now() - lostAt);
    await writes(other, 10);
    console.log(`${nameOf(other)} served ${pauseMs} ms after ${nameOf(primary)} was killed`);
    primary.start();
    await other.untilStatus('the lost one is back', allLive);
    await expectWhole();
  });

  it('the primary, when only the witness has what the other one lacks', { timeout: 180_000 }, async () => {
    const primary = await untilPrimary();
    const other = primary === n1 ? n2 : n1;
    await killServerAndNode(other);
    // The primary and the witness are a majority.
    await writes(primary, 20);
    await killServerAndNode(primary);
    // A witness cannot be made the primary by force either.
    await until('the witness that is left says what helps', async () => {
      const against = (await statusOf(w3)).failover?.against ?? [];
      return against.join(' ').includes('an operator can make a node with a server the primary');
    });
    other.start();
    const serving = await untilPrimary([other]);
    expect(await idsOn(serving)).toEqual(expect.arrayContaining(acknowledged));
    await writes(serving, 5);
    const log = readFileSync(join(w3.directory, 'node.log'), 'utf8');
    expect(log).toContain('It hands over to');
    primary.start();
    await serving.untilStatus('all are back', allLive);
    await expectWhole();
  });

  it('the other one: the primary and the witness go on', { timeout: 120_000 }, async () => {
    const primary = await untilPrimary();
    const other = primary === n1 ? n2 : n1;
    await killServerAndNode(other);
    await writes(primary, 10);
    other.start();
    await primary.untilStatus('it is back', allLive);
    await expectWhole();
  });
});

describe('the start of all three', () => {
  type Order = readonly ('n1' | 'n2' | 'w3')[];
  const orders: readonly Order[] = [
    ['w3', 'n1', 'n2'],
    ['n2', 'w3', 'n1'],
    ['n1', 'n2', 'w3'],
  ];

  it.each(orders)('in the order %s, %s, %s', { timeout: 240_000 }, async (...order: Order) => {
    const machines = { n1, n2, w3 };
    await writes(await untilPrimary(), 3);
    for (const each of [n1, n2, w3]) await each.stop();
    for (const name of order) {
      machines[name].start();
      // The next one comes when this one answers, not at the same moment.
      await until(`${name} answers`, () => answers(machines[name], '/health'));
    }
    const primary = await untilPrimary();
    await primary.untilStatus('all are live', allLive);
    await writes(primary, 3);
    await expectWhole();
  });
});

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createConnection as createSession, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountPassword } from '../../src/mysql-control/accounts.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { until } from '../kit/until.js';

/** A replica's node that may open 256 files and sockets, and clients that take more than that. */

const DESCRIPTORS = 256;
const SILENT_HTTP = 300;
const HALF_OPEN_MYSQL = 600;

let cluster: TestCluster;
const sockets: Socket[] = [];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start({ replicas: 1, acknowledge: 'all', proxied: true });
  const replica = cluster.node('n2');
  await replica.kill('node');
  cluster.startNode('n2', { descriptors: DESCRIPTORS });
  await replica.untilReady();
  await cluster.primary.sql('CREATE DATABASE d');
  await cluster.primary.sql('CREATE TABLE d.t (id INT PRIMARY KEY)');
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await cluster?.dispose();
});

/** Connects and says nothing; resolves when it is connected, or was turned away. */
async function connectSilently(port: number): Promise<void> {
  const socket = createConnection({ host: '127.0.0.1', port });
  sockets.push(socket);
  socket.on('error', () => {});
  socket.resume();
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
}

it('600 half-open MySQL and 300 silent HTTP connections: the node stays, replicates, and keeps its audit trail', async () => {
  const replica = cluster.node('n2');
  const pid = await replica.pid('node');
  const { mysqlRw, mysqlRo } =
    (await cluster.primary.cluster()).members.find(({ name }) => name === 'n2') ?? {};
  const ports = [mysqlRw, mysqlRo].map((address) => Number(address?.split(':')[1]));
  for (let i = 0; i < HALF_OPEN_MYSQL; i++) await connectSilently(ports[i % 2] ?? 0);
  for (let i = 0; i < SILENT_HTTP; i++) await connectSilently(Number(new URL(replica.url).port));
  // Each is answered only when the replica has it, too.
  for (let id = 1; id <= 50; id++) await cluster.primary.sql(`INSERT INTO d.t VALUES (${id})`);
  expect(await replica.pid('node')).toBe(pid);
  expect(await replica.runs('node')).toBe(true);
});

it('when they are gone everybody is served again', async () => {
  const replica = cluster.node('n2');
  for (const socket of sockets) socket.destroy();
  await until('HTTP is answered', () => replica.isReady(), { deadlineMs: 60_000 });
  const { mysqlRo } = (await replica.cluster()).members.find(({ name }) => name === 'n2') ?? {};
  const secret = Buffer.from(readFileSync(join(cluster.directory, 'cluster.secret'), 'utf8').trim());
  const connection = await until(
    'the read-only port serves',
    () =>
      createSession({
        host: '127.0.0.1',
        port: Number(mysqlRo?.split(':')[1]),
        user: 'app',
        password: accountPassword(secret, 'app'),
      }).catch(() => null),
    { deadlineMs: 60_000 },
  );
  await until('all rows are applied', async () => {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM d.t');
    return rows[0]?.n === 50;
  });
  await connection.end();
  expect(await replica.logs(400)).not.toMatch(/EMFILE/);
  const { code, stdout, stderr } = await skein(['audit', 'verify', join(replica.directory)], {});
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining('in order') });
});

it('64 descriptors are refused before anything is started, with what to do', async () => {
  const { code, stderr } = await skein(['demo', '--dir', join(cluster.directory, 'never')], {
    descriptors: 64,
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^skein: This process may open 64 files and sockets; a node needs at least \d+/);
  expect(stderr).toContain('ulimit -n');
  expect(stderr).not.toContain('    at ');
});

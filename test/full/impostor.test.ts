import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import { chooseCacheDir } from '../../src/server-packages/cache-dir.js';
import { obtainServer } from '../../src/server-packages/obtain.js';
import { ManagedServer } from '../../src/server-process/managed-server.js';
import { type Logger, silentLogger } from '../../src/std/logger.js';
import { canReach } from '../../src/std/run-user.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import type { TestNode } from '../kit/test-node.js';
import { throughout, until } from '../kit/until.js';

/**
 * Another user's process that has our server's arguments, or the port that a node left. It must not be taken for the server,
 * or for the node, and nothing may be sent to it.
 */

const isRoot = process.getuid?.() === 0;
/** Neither root nor one that runs our servers. */
const STRANGER = 65_533;
const PROGRAM = `
import { createServer } from 'node:net';
import { appendFileSync, writeFileSync } from 'node:fs';
const socket = process.argv.findLast((argument) => argument.startsWith('--socket=')).slice('--socket='.length);
const seen = socket + '.seen';
writeFileSync(seen, '');
createServer((client) => {
  appendFileSync(seen, 'connected ');
  client.on('error', () => {});
  client.on('data', (bytes) => appendFileSync(seen, bytes));
}).listen(socket, () => process.stdout.write('listening'));
`;

let directory = '';
let server: ManagedServer;
const children: ChildProcess[] = [];
const warnings: { reason?: unknown; uid?: unknown; message: string }[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-impostor-'));
  await chmod(directory, 0o755);
  await writeFile(join(directory, 'impostor.mjs'), PROGRAM);
  const cacheDir = await chooseCacheDir({ projectDir: process.cwd() });
  const binary = await obtainServer({ cacheDir }, { logger: silentLogger });
  const logger: Logger = {
    ...silentLogger,
    warn: (data, message) => void warnings.push({ ...data, message }),
    child: () => logger,
  };
  server = new ManagedServer(
    {
      directory: join(directory, 'n1'),
      secret: Buffer.from('a secret of this test'),
      bufferPoolBytes: 16 * 2 ** 20,
      redoLogBytes: 8 * 2 ** 20,
    },
    { binary, program: mariadb.program, cacheDir, logger },
  );
  await server.start();
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Resolves when it listens; returns what it has been sent so far. */
async function startImpostor(name: string, { uid, mode }: { uid: number; mode: number }) {
  const home = join(directory, name);
  await mkdir(home);
  if (isRoot) await chown(home, uid, uid);
  await chmod(home, mode);
  const socket = join(home, 'server.sock');
  const child = spawn(
    process.execPath,
    [join(directory, 'impostor.mjs'), `--datadir=${server.dataDir}`, `--socket=${socket}`, '--port=3306'],
    { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'], ...(isRoot && { uid, gid: uid }) },
  );
  children.push(child);
  await once(child.stdout, 'data');
  return { pid: child.pid, received: () => readFile(`${socket}.seen`, 'utf8') };
}

async function nextServerIsReal(old: number, impostor: Awaited<ReturnType<typeof startImpostor>>) {
  await server.kill('a test', { restart: true });
  const up = await until(
    'a server runs again',
    () => (server.current !== null && server.current.pid !== old ? server.current : null),
    { deadlineMs: 60_000 },
  );
  expect(up).toMatchObject({ adopted: false });
  expect(up.pid).not.toBe(impostor.pid);
  expect(await impostor.received()).toBe('');
}

it.skipIf(!isRoot)('of another user: not adopted, not even dialled, and said', async (context) => {
  const stranger = { uid: STRANGER, gid: STRANGER, name: 'stranger', switched: true };
  if (!(await canReach(stranger, process.execPath))) context.skip('another user cannot run this Node');
  const impostor = await startImpostor('stranger', { uid: STRANGER, mode: 0o700 });
  await nextServerIsReal(server.current?.pid ?? 0, impostor);
  expect(warnings).toContainEqual(
    expect.objectContaining({ uid: STRANGER, reason: expect.stringContaining(`user ${STRANGER}`) }),
  );
});

it('of the right user, with a socket where anybody can put one: neither', async (context) => {
  const { uid, gid } = await stat(server.dataDir);
  const owner = { uid, gid, name: 'owner', switched: uid !== process.getuid?.() };
  if (!(await canReach(owner, process.execPath))) context.skip('the server’s user cannot run this Node');
  const impostor = await startImpostor('open', { uid, mode: 0o777 });
  await nextServerIsReal(server.current?.pid ?? 0, impostor);
  expect(warnings).toContainEqual(
    expect.objectContaining({ uid, reason: expect.stringContaining('other users can write in it') }),
  );
});

describe('in the place of a node that is gone', () => {
  let cluster: TestCluster;
  showLogsOnFailure(() => cluster);
  beforeAll(async () => {
    cluster = await TestCluster.start({ replicas: 1, proxied: true });
  });
  afterAll(async () => {
    await cluster?.dispose();
  });

  it('the replica’s server does not dial the port that its node left, and follows it again when it is back', async () => {
    const replica = cluster.node('n2');
    const before = await ioThread(replica);
    expect(before).toMatchObject({ Slave_IO_Running: 'Yes' });
    await replica.kill('node');
    // Whatever it sends to this port, it would apply what comes back.
    let dialled = 0;
    const taken = createServer((socket) => {
      dialled++;
      socket.on('error', () => {});
    });
    await until('the server has given up', async () => (await ioThread(replica)).Slave_IO_Running === 'No');
    await new Promise<void>((resolve) => taken.listen(Number(before.Master_Port), '127.0.0.1', resolve));
    // It would dial once a second.
    await throughout('it does not dial', 3_000, () => dialled === 0);
    await new Promise((resolve) => taken.close(resolve));
    cluster.startNode('n2');
    await replica.untilReady();
    await cluster.primary.sql('CREATE DATABASE after_it');
    await until(
      'the replica applies',
      async () => (await replica.rows("SHOW DATABASES LIKE 'after_it'").catch(() => [])).length === 1,
      { deadlineMs: 60_000 },
    );
    expect(await ioThread(replica)).toMatchObject({ Slave_IO_Running: 'Yes' });
  });

  it('an interrupted dump is dialled again at once while the node is there', async () => {
    const replica = cluster.node('n2');
    const connection = await replica.connectAs('skein');
    try {
      const [rows] = await connection.query<RowDataPacket[]>(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Slave_IO'",
      );
      await connection.query(`KILL ${Number(rows[0]?.ID)}`);
    } finally {
      connection.destroy();
    }
    await cluster.primary.sql('CREATE DATABASE after_kill');
    await until(
      'the replica applies',
      async () => (await replica.rows("SHOW DATABASES LIKE 'after_kill'").catch(() => [])).length === 1,
      { deadlineMs: 60_000 },
    );
  });
});

async function ioThread(node: TestNode): Promise<Partial<RowDataPacket>> {
  const connection = await node.connectAs('skein');
  try {
    const [rows] = await connection.query<RowDataPacket[]>('SHOW SLAVE STATUS');
    return { ...rows[0] };
  } finally {
    connection.destroy();
  }
}

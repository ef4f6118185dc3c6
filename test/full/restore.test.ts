/**
 * Backups of a cluster under load, through the command line: taken, checked, restored into a new cluster; and what goes
 * wrong.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePosition } from '../../src/model/position.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { signalPid } from '../kit/processes.js';
import { seededRandom } from '../kit/random.js';
import { SmallDisk } from '../kit/small-disk.js';
import { run, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
let files: string;
let whole: string;
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'skein-restore-'));
  cluster = await TestCluster.start({ replicas: 1 });
  const { primary } = cluster;
  await primary.sql('CREATE DATABASE shop');
  await primary.sql('CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, n INT)');
  // More than the buffers of a connection take, and it does not compress: a reader that stops makes the program wait.
  await primary.sql('CREATE TABLE shop.noise (id INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB)');
  for (let i = 0; i < 80; i++) {
    const value = { $type: 'blob', value: randomBytes(2 ** 20).toString('base64') };
    await primary.sql('INSERT INTO shop.noise (b) VALUES (?)', [value]);
  }
  await skein(['user', 'create', 'till', '--role', 'write', '--database', 'shop'], cli());
});

afterAll(async () => {
  await cluster?.dispose();
  await rm(files, { recursive: true, force: true });
});

const cli = (node: TestNode = cluster.primary) => ({
  env: { SKEIN_URL: node.url, SKEIN_TOKEN: node.adminToken },
  deadlineMs: 90_000,
});

const positionIn = (text: string) => parsePosition(/^position (\S+)$/m.exec(text)?.[1] ?? '');

/** Inserts one row after the other until the answer is called; that gives the ordinal before the first one. */
function orders(): { stop(): Promise<number> } {
  const stop = new AbortController();
  const done = withSql(
    { name: 'load', connect: () => cluster.primary.connectAs('skein_write') },
    async (own) => {
      const before = parsePosition((await cluster.primary.sql('SELECT 1')).position).ordinal;
      while (!stop.signal.aborted) await run(own, 'INSERT INTO shop.orders (n) VALUES (1)');
      return before;
    },
  );
  return {
    stop: () => {
      stop.abort();
      return done;
    },
  };
}

describe('a backup of a cluster under load', () => {
  let position: ReturnType<typeof parsePosition>;
  let before: number;

  it('is taken from a replica, into a directory, whole', async () => {
    const load = orders();
    await until(
      'there are orders',
      async () => Number((await cluster.primary.rows('SELECT COUNT(*) FROM shop.orders'))[0]?.[0]) > 20,
    );
    const made = await skein(['backup', files], cli());
    before = await load.stop();
    expect(made.code, made.stderr).toBe(0);
    expect(made.stderr).toContain('taken from n2');
    position = positionIn(made.stderr);
    expect(await readdir(files)).toHaveLength(1);
    whole = join(files, (await readdir(files))[0] ?? '');
    expect(made.stderr).toContain(whole);
    const verified = await skein(['backup', 'verify', whole]);
    expect([verified.code, positionIn(verified.stdout)]).toEqual([0, position]);
    const again = await skein(['backup', whole], cli());
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('exists already')]);
  });

  it('becomes a new cluster: the same rows, other tokens, and it goes on behind the position', async () => {
    const restored = await TestCluster.prepare({ replicas: 0 });
    try {
      const made = await skein(['restore', whole, '--dir', restored.directory], { deadlineMs: 90_000 });
      expect(made.code, made.stderr).toBe(0);
      await restored.startDemo();
      const { primary } = restored;
      const [count] = await primary.rows('SELECT COUNT(*) FROM shop.orders');
      expect(Number(count?.[0])).toBe(position.ordinal - before);
      expect(await primary.rows('SELECT MD5(GROUP_CONCAT(MD5(b) ORDER BY id)) FROM shop.noise')).toEqual(
        await cluster.primary.rows('SELECT MD5(GROUP_CONCAT(MD5(b) ORDER BY id)) FROM shop.noise'),
      );
      const written = await primary.sql('INSERT INTO shop.orders (n) VALUES (2)');
      const next = parsePosition(written.position);
      expect(next.ordinal).toBeGreaterThan(position.ordinal);
      expect(next.epoch).toBeGreaterThan(1000);
      const old = await primary.request('POST', '/v1/sql', { sql: 'SELECT 1' }, { token: cluster.token });
      expect(old.status).toBe(401);
      expect(restored.token).not.toBe(cluster.token);
      expect(readFileSync(join(restored.directory, 'cluster.secret'), 'utf8')).not.toBe(
        readFileSync(join(cluster.directory, 'cluster.secret'), 'utf8'),
      );
      const rotated = await skein(['user', 'rotate', 'till'], cli(primary));
      expect(rotated.code, rotated.stderr).toBe(0);
      // And it comes back.
      const server = await primary.kill('server');
      await primary.untilRestarted('server', server);
      await primary.untilReady();
      expect(Number((await primary.rows('SELECT COUNT(*) FROM shop.orders'))[0]?.[0])).toBe(
        position.ordinal - before + 1,
      );
    } finally {
      await restored.dispose();
    }
  });
});

describe('a restore', () => {
  const target = () => join(files, 'target');
  const refused = async (file: string, code: string | RegExp) => {
    const result = await skein(['restore', file, '--dir', target()], { deadlineMs: 90_000 });
    expect([result.code, result.stderr]).toEqual([1, expect.stringMatching(code)]);
    expect((await readdir(files)).filter((name) => name.startsWith('target'))).toEqual([]);
  };

  it('refuses a file that was cut or changed anywhere, and leaves nothing', async () => {
    const bytes = await readFile(whole);
    const bad = join(files, 'bad.backup');
    const random = seededRandom(20_261_127);
    const somewhere = () => random.int(0, bytes.length - 1);
    for (const end of [somewhere(), bytes.length - 1]) {
      await writeFile(bad, bytes.subarray(0, end));
      await refused(bad, /was cut/);
    }
    for (const place of [somewhere(), bytes.length - 5]) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(place) ^ 1, place);
      await writeFile(bad, changed);
      await refused(bad, /damaged|was cut/);
      const verified = await skein(['backup', 'verify', bad]);
      expect([verified.code, verified.stderr]).toEqual([1, expect.stringMatching(/damaged|was cut/)]);
    }
    await refused(join(files, 'nowhere'), /cannot be read/);
    await rm(bad);
  });

  it('refuses a directory that is not empty, and a disk that is too small, before it writes', async () => {
    const used = await skein(['restore', whole, '--dir', cluster.directory]);
    expect([used.code, used.stderr]).toEqual([1, expect.stringContaining('is not empty')]);
    const small = join(files, 'small');
    const disk = SmallDisk.mount(small, 20 * 2 ** 20);
    if (disk === null) return;
    try {
      const full = await skein(['restore', whole, '--dir', join(small, 'new')]);
      expect([full.code, full.stderr]).toEqual([1, expect.stringMatching(/needs \d+ MiB .* are free/)]);
      expect(await readdir(small)).toEqual([]);
      const mounted = await skein(['restore', whole, '--dir', small]);
      expect([mounted.code, mounted.stderr]).toEqual([
        1,
        expect.stringContaining('a file system of its own'),
      ]);
      disk.fill();
      const unwritten = await skein(['backup', join(small, 'a.backup')], cli());
      expect([unwritten.code, unwritten.stderr]).toEqual([1, expect.stringContaining('no space left')]);
      expect(await readdir(small)).toEqual(['filler']);
    } finally {
      disk.unmount();
    }
  });
});

describe('a backup that is interrupted', () => {
  /** The answer of a node, of which nothing is read yet. */
  async function begun(node: TestNode): Promise<IncomingMessage> {
    await until('no backup is being made', async () => (await programOf(node)) === null);
    const request = get(`${node.url}/v1/backup`, { headers: { authorization: `Bearer ${node.adminToken}` } });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => {});
    expect(response.statusCode).toBe(200);
    return response;
  }

  const programOf = async (node: TestNode) => {
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const args = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      if (args.includes('--backup') && args.includes(`--datadir=${node.directory}/data`)) return Number(name);
    }
    return null;
  };
  const running = (node: TestNode, response: IncomingMessage) =>
    until('mariadb-backup runs', () => programOf(node), {
      deadlineMs: 45_000,
      context: async () => `the answer is: ${await restOf(response)}`,
    });
  const gone = (node: TestNode) => until('the program is gone', async () => (await programOf(node)) === null);

  async function restOf(response: IncomingMessage): Promise<string> {
    const file = join(files, 'rest.backup');
    const parts: Buffer[] = [];
    try {
      for await (const part of response) parts.push(part as Buffer);
    } catch {
      // Cut by the node: what came is what is checked.
    }
    await writeFile(file, Buffer.concat(parts));
    const { code, stderr } = await skein(['backup', 'verify', file]);
    await rm(file);
    return code === 0 ? 'whole' : stderr;
  }

  it('says so in its file when mariadb-backup or the server was killed', async () => {
    const n2 = cluster.node('n2');
    const first = await begun(n2);
    const second = await n2.request('GET', '/v1/backup');
    expect([second.status, second.body.error?.code]).toEqual([503, 'NODE_BUSY']);
    const pid = await running(n2, first);
    signalPid(pid, 'SIGKILL');
    expect(await restOf(first)).toMatch(/not finished: mariadb-backup failed.*SIGKILL/s);

    const third = await begun(n2);
    const old = await n2.kill('server');
    expect(await restOf(third)).toMatch(/not finished|was cut/);
    await gone(n2);
    await n2.untilRestarted('server', old);
    await n2.untilReady();
  });

  it('leaves no program when its client or its node is gone, and the next one is whole', async () => {
    const n2 = cluster.node('n2');
    const first = await begun(n2);
    await running(n2, first);
    first.destroy();
    await gone(n2);

    const second = await begun(n2);
    await running(n2, second);
    const old = await n2.kill('node');
    expect(await restOf(second)).not.toBe('whole');
    await n2.untilRestarted('node', old);
    await n2.untilReady();
    await gone(n2);
    expect((await readdir(n2.directory)).filter((name) => name.startsWith('snapshot'))).toEqual([]);
    expect(existsSync(join(n2.directory, 'seed'))).toBe(false);
    expect(await restOf(await begun(n2))).toBe('whole');
  });
});

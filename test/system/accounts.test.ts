/** Accounts for applications: made, renewed, dropped over HTTP and by the command line, and used on every port of every node. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection as connectMariadb } from 'mariadb';
import type { Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitApplied } from '../kit/checksum.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { openSql, rowsOf, run, scalarOf, withSql } from '../kit/sql-node.js';
import type { TestNode } from '../kit/test-node.js';
import { unlessGone } from '../kit/unless-gone.js';
import { until } from '../kit/until.js';

let cluster: TestCluster;
const ports = new Map<string, { rw: number; ro: number }>();
const opened: Connection[] = [];
showLogsOnFailure(() => cluster);

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { members } = await cluster.primary.cluster();
  const port = (address: string | null) => Number(address?.split(':')[1]);
  for (const { name, mysqlRw, mysqlRo } of members) ports.set(name, { rw: port(mysqlRw), ro: port(mysqlRo) });
  await cluster.primary.sql('CREATE DATABASE shop');
  await cluster.primary.sql('CREATE DATABASE other');
  await cluster.primary.sql('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20))');
  await cluster.primary.sql('CREATE TABLE other.t (id INT PRIMARY KEY)');
});

afterEach(() => {
  for (const connection of opened.splice(0)) connection.destroy();
});

afterAll(() => cluster?.dispose());

type PortKind = 'rw' | 'ro';

async function login(node: TestNode, kind: PortKind, user: string, password: string): Promise<Connection> {
  const connection = await openSql({
    host: '127.0.0.1',
    port: ports.get(node.name)?.[kind] ?? 0,
    user,
    password,
  });
  connection.on('error', () => {});
  opened.push(connection);
  return connection;
}

interface Made {
  password: string;
  acknowledgedBy: string[];
}

async function create(name: string, more: Record<string, unknown> = {}): Promise<Made> {
  const answer = await cluster.primary.request<Made>('POST', '/v1/users', { name, role: 'write', ...more });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

async function drop(name: string, query = ''): Promise<void> {
  const answer = await cluster.primary.request('DELETE', `/v1/users/${name}${query}`);
  expect(answer.status, answer.text).toBe(200);
}

const errnoOf = (work: Promise<unknown>): Promise<number> =>
  work.then(
    () => 0,
    (error: { errno?: number }) => error.errno ?? -1,
  );

/** Every node takes a change within about a second. */
async function untilAccepted(user: string, password: string): Promise<void> {
  for (const node of cluster.nodes) {
    await until(
      `${node.name} lets ${user} in`,
      async () => (await login(node, 'ro', user, password)) !== null,
    );
  }
}

async function untilRefused(user: string, password: string): Promise<void> {
  for (const node of cluster.nodes) {
    await until(
      `${node.name} refuses ${user}`,
      async () => (await errnoOf(login(node, 'ro', user, password))) === 1045,
    );
  }
}

/** Replicas follow, and nothing stands still. */
async function expectFollowing(): Promise<void> {
  await cluster.primary.sql("INSERT INTO shop.t (v) VALUES ('after')");
  await waitApplied(cluster.primary, cluster.replicas);
}

describe('an account', () => {
  it('works on both ports of every node, with two drivers, and the list of sessions names it', async () => {
    const { password, acknowledgedBy } = await create('app-1');
    expect(acknowledgedBy.length).toBeGreaterThan(0);
    expect(password).toMatch(/^[\w-]{43}$/);
    // The node that answered has it at once.
    await login(cluster.primary, 'rw', 'app-1', password);
    await untilAccepted('app-1', password);
    for (const node of cluster.nodes) {
      const writer = await login(node, 'rw', 'app-1', password);
      await run(writer, 'INSERT INTO shop.t (v) VALUES (?)', [node.name]);
      expect(await scalarOf(writer, 'SELECT CURRENT_USER()')).toBe('app-1@127.0.0.1');
      const reader = await login(node, 'ro', 'app-1', password);
      expect(await scalarOf(reader, 'SELECT COUNT(*) FROM other.t')).toBe('0');
      expect([1142, 1290, 1792]).toContain(
        await errnoOf(run(reader, "INSERT INTO shop.t (v) VALUES ('no')")),
      );
      const other = await connectMariadb({
        host: '127.0.0.1',
        port: ports.get(node.name)?.rw ?? 0,
        user: 'app-1',
        password,
      });
      expect(await other.query('SELECT 1 AS one')).toMatchObject([{ one: 1 }]);
      await other.end();
    }
    const users = await withSql(cluster.primary, (own) => rowsOf(own, 'SHOW PROCESSLIST'));
    expect(users.map(({ User }) => User)).toContain('app-1');
  });

  it('has the rights of a token of its role and no more', async () => {
    const { password } = await create('plain');
    const writer = await login(cluster.primary, 'rw', 'plain', password);
    const refused: [number, string][] = [
      [1142, 'SELECT * FROM mysql.global_priv'],
      [1142, 'SELECT * FROM skein.users'],
      [1142, 'SELECT * FROM skein.tokens'],
      [1142, "INSERT INTO skein.users (name) VALUES ('x')"],
      [1227, 'SET GLOBAL read_only = 1'],
      [1227, 'SET SESSION sql_log_bin = 0'],
      [1227, "CREATE USER x IDENTIFIED BY 'x'"],
      [1044, 'GRANT SELECT ON shop.* TO app@127.0.0.1'],
      [1044, 'CREATE TABLE skein.no (id INT)'],
      [1227, "CREATE DEFINER = 'skein'@'localhost' VIEW shop.v AS SELECT 1"],
      [1044, "SET PASSWORD FOR 'app'@'127.0.0.1' = PASSWORD('x')"],
    ];
    for (const [errno, sql] of refused) {
      const denied = errno === 1044 ? [1044, 1142] : [errno];
      expect(denied, sql).toContain(await errnoOf(run(writer, sql)));
    }
    expect(JSON.stringify(await rowsOf(writer, 'SHOW GRANTS'))).not.toContain('GRANT OPTION');
    const reader = await create('reads-only', { role: 'read' });
    const session = await login(cluster.primary, 'ro', 'reads-only', reader.password);
    for (const sql of ["INSERT INTO shop.t (v) VALUES ('no')", 'CREATE TABLE shop.no (id INT)']) {
      expect([1142, 1792], sql).toContain(await errnoOf(run(session, sql)));
    }
    expect(Number(await scalarOf(session, 'SELECT COUNT(*) FROM shop.t'))).toBeGreaterThan(0);
    // Where a writer's view could write for it, it does not get in at all.
    expect(await errnoOf(login(cluster.primary, 'rw', 'reads-only', reader.password))).toBe(1045);
    // What came through a read-only port stays a reader, whoever it becomes.
    const through = await login(cluster.primary, 'ro', 'reads-only', reader.password);
    await through.changeUser({ user: 'plain', password });
    expect([1142, 1792]).toContain(await errnoOf(run(through, "INSERT INTO shop.t (v) VALUES ('no')")));
  });

  it('limited to databases sees these, existing or not, and no others', async () => {
    const { password } = await create('limited', { databases: ['shop', 'my_shop', 'it`s %'] });
    const writer = await login(cluster.primary, 'rw', 'limited', password);
    expect(await rowsOf(writer, 'SHOW DATABASES')).toEqual([
      { Database: 'information_schema' },
      { Database: 'shop' },
    ]);
    for (const name of ['my_shop', 'it``s %']) await run(writer, `CREATE DATABASE \`${name}\``);
    for (const name of ['myxshop', 'it``s more', 'new', 'skein2']) {
      expect(await errnoOf(run(writer, `CREATE DATABASE \`${name}\``)), name).toBe(1044);
    }
    expect(await errnoOf(run(writer, 'SELECT * FROM other.t'))).toBe(1142);
    await run(writer, 'CREATE PROCEDURE my_shop.p() INSERT INTO shop.t (v) VALUES (1)');
    await run(writer, 'CALL my_shop.p()');
    await waitApplied(cluster.primary, cluster.replicas);
    const [replica] = cluster.replicas as [TestNode];
    await untilAccepted('limited', password);
    const reader = await login(replica, 'ro', 'limited', password);
    expect(Number(await scalarOf(reader, 'SELECT COUNT(*) FROM shop.t'))).toBeGreaterThan(0);
    expect(await errnoOf(rowsOf(reader, 'SELECT * FROM other.t'))).toBe(1142);
  });

  it('is refused with a reason when its name or a database cannot be granted, or it is there', async () => {
    const ask = (body: object) => cluster.primary.request('POST', '/v1/users', body);
    for (const name of [
      "a'; DROP TABLE x",
      'a`b',
      'a@b',
      'app',
      'Root',
      'skein_x',
      'PUBLIC',
      'ä',
      'a\u0000b',
      'x'.repeat(81),
    ]) {
      const answer = await ask({ name, role: 'read' });
      expect([answer.status, answer.body.error?.code], name).toEqual([400, 'INVALID_FIELD']);
    }
    for (const databases of [['mysql'], ['skein'], ['a\\b'], [''], []]) {
      const answer = await ask({ name: 'fine', role: 'read', databases });
      expect([answer.status, answer.body.error?.code], String(databases)).toEqual([400, 'INVALID_FIELD']);
    }
    const first = await create('twice', { role: 'read' });
    const second = await ask({ name: 'twice', role: 'write' });
    expect([second.status, second.body.error?.code]).toEqual([409, 'USER_EXISTS']);
    await login(cluster.primary, 'ro', 'twice', first.password);
    for (const [method, path] of [
      ['POST', '/v1/users/nobody/rotate'],
      ['DELETE', '/v1/users/nobody'],
    ] as const) {
      expect((await cluster.primary.request(method, path, method === 'POST' ? {} : undefined)).status).toBe(
        404,
      );
    }
    const elsewhere = await cluster.node('n2').request('POST', '/v1/users', { name: 'there', role: 'read' });
    expect([elsewhere.status, elsewhere.body.error?.primary]).toEqual([421, cluster.primary.url]);
  });
});

describe('a new password', () => {
  it('is the only one on every node, and ends sessions, also one that is busy reading', async () => {
    const first = await create('rotated');
    await untilAccepted('rotated', first.password);
    const idle = await login(cluster.primary, 'rw', 'rotated', first.password);
    await run(idle, 'BEGIN');
    await run(idle, "INSERT INTO shop.t (v) VALUES ('never')");
    const busy = await login(cluster.node('n2'), 'ro', 'rotated', first.password);
    const asleep = errnoOf(rowsOf(busy, 'SELECT SLEEP(600)'));
    await until('the busy one is seen', () =>
      withSql(cluster.node('n2'), (own) =>
        scalarOf(own, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"),
      ).then((count) => count === '1'),
    );
    const answer = await cluster.primary.request<Made>('POST', '/v1/users/rotated/rotate', {});
    expect(answer.status, answer.text).toBe(200);
    const { password } = answer.body;
    expect(password).not.toBe(first.password);
    // At once on the node that answered.
    expect(await errnoOf(login(cluster.primary, 'rw', 'rotated', first.password))).toBe(1045);
    await untilRefused('rotated', first.password);
    await untilAccepted('rotated', password);
    expect(await asleep).not.toBe(0);
    expect(await errnoOf(run(idle, 'COMMIT'))).not.toBe(0);
    for (const node of [cluster.primary, cluster.node('n2')]) {
      await until(`no old session is left on ${node.name}`, async () => {
        const left = await withSql(node, (own) =>
          rowsOf(
            own,
            "SELECT * FROM information_schema.processlist WHERE user = 'rotated' AND command <> 'Sleep'",
          ),
        );
        return left.length === 0;
      });
    }
    expect(await cluster.primary.rows("SELECT * FROM shop.t WHERE v = 'never'")).toEqual([]);
  });

  it('that the account gives itself is taken back, and replicas go on', async () => {
    const { password } = await create('own-way');
    // At once: a replica gets to hear of it before it has looked at the table.
    const session = await login(cluster.primary, 'rw', 'own-way', password);
    await errnoOf(run(session, "SET PASSWORD = PASSWORD('own')"));
    await untilRefused('own-way', 'own');
    await untilAccepted('own-way', password);
    await expectFollowing();
    await cluster.primary.request('DELETE', '/v1/users/own-way');
  });
});

describe('dropping', () => {
  it('is refused while objects run as the account, and with force it is gone on every node', async () => {
    const { password } = await create('owner');
    await untilAccepted('owner', password);
    const session = await login(cluster.primary, 'rw', 'owner', password);
    await run(session, 'CREATE VIEW shop.by_owner AS SELECT * FROM shop.t');
    const refused = await cluster.primary.request('DELETE', '/v1/users/owner');
    expect([refused.status, refused.body.error?.code]).toEqual([409, 'USER_IN_USE']);
    expect(refused.body.error?.message).toContain('view shop.by_owner');
    await drop('owner', '?force=true');
    await untilRefused('owner', password);
    await until('its session is cut', async () => (await errnoOf(rowsOf(session, 'SELECT 1'))) !== 0);
    for (const node of cluster.nodes) {
      await until(`${node.name} has nothing of it`, async () => {
        const left = await withSql(node, (own) =>
          rowsOf(
            own,
            "SELECT User FROM mysql.global_priv WHERE User = 'owner' UNION ALL SELECT User FROM mysql.db WHERE User = 'owner'",
          ),
        );
        return left.length === 0;
      });
    }
    const again = await cluster.primary.request('DELETE', '/v1/users/owner');
    expect(again.status).toBe(404);
    // The name is free, and the old password is not the new one's.
    const second = await create('owner', { role: 'read' });
    expect(second.password).not.toBe(password);
    await drop('owner', '?force=true');
    await run(
      await login(cluster.primary, 'rw', 'app', cluster.primary.password('app')),
      'DROP VIEW shop.by_owner',
    );
  });
});

describe('the servers', () => {
  it('have the accounts again after each died', async () => {
    const { password } = await create('survivor');
    await untilAccepted('survivor', password);
    for (const node of [cluster.primary, cluster.node('n2')]) {
      const old = await node.kill('server');
      await node.untilRestarted('server', old);
      await node.untilReady();
    }
    await cluster.untilPrimary();
    const writer = await until('the primary lets it write', () =>
      login(cluster.primary, 'rw', 'survivor', password),
    );
    await run(writer, "INSERT INTO shop.t (v) VALUES ('survived')");
    await untilAccepted('survivor', password);
    await expectFollowing();
  });

  it('lose what somebody did to the accounts there', async () => {
    const { password } = await create('tampered', { role: 'read' });
    await untilAccepted('tampered', password);
    const [replica] = cluster.replicas as [TestNode];
    await withSql(replica, async (own) => {
      await run(own, 'SET SESSION sql_log_bin = 0');
      await run(own, "GRANT ALL PRIVILEGES ON *.* TO 'tampered'@'127.0.0.2'");
      await run(own, "CREATE USER 'stranger'@'127.0.0.2' IDENTIFIED BY 'x'");
      await run(own, "DROP USER 'survivor'@'127.0.0.2', 'survivor'@'127.0.0.1'");
    });
    await until('the replica has what it should have', async () => {
      const session = await login(replica, 'ro', 'tampered', password);
      const grants = JSON.stringify(await rowsOf(session, 'SHOW GRANTS'));
      const names = await withSql(replica, (own) => rowsOf(own, 'SELECT User FROM mysql.global_priv'));
      const known = names.map(({ User }) => User);
      return !grants.includes('ALL PRIVILEGES') && !known.includes('stranger') && known.includes('survivor');
    });
    await expectFollowing();
  });
});

describe('the command line', () => {
  const env = () => ({ SKEIN_URL: cluster.primary.url, SKEIN_TOKEN: cluster.token });

  it('creates, lists, rotates and drops', async () => {
    const made = await skein(['user', 'create', 'cli', '--role', 'write', '-d', 'shop'], { env: env() });
    expect([made.code, made.stdout], made.stderr).toEqual([0, expect.stringMatching(/^[\w-]{43}\n$/)]);
    await login(cluster.primary, 'rw', 'cli', made.stdout.trim());
    const listed = await skein(['user', 'list'], { env: env() });
    expect(listed.stdout).toMatch(/^cli +write +shop +\d{4}-/m);
    const rotated = await skein(['user', 'rotate', 'cli'], { env: env() });
    await login(cluster.primary, 'rw', 'cli', rotated.stdout.trim());
    const dropped = await skein(['user', 'drop', 'cli'], { env: env() });
    expect([dropped.code, dropped.stdout]).toEqual([0, '']);
    const gone = await skein(['user', 'rotate', 'cli'], { env: env() });
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('There is no account "cli"')]);
    expect((await skein(['user', 'create', 'cli'], { env: env() })).code).toBe(2);
  });
});

describe('what is kept of it', () => {
  it('is a line of the audit trail and an event for each action, and a password nowhere', async () => {
    const { password } = await create('traced', { role: 'read' });
    await untilAccepted('traced', password);
    const rotated = await cluster.primary.request<Made>('POST', '/v1/users/traced/rotate', {});
    await untilAccepted('traced', rotated.body.password);
    await drop('traced');
    await untilRefused('traced', rotated.body.password);
    const trail = async () =>
      (await cluster.primary.request('GET', '/v1/audit?tail=200')).text
        .split('\n')
        .filter((line) => line.includes('traced'))
        .map((line) => JSON.parse(line));
    const lines = await trail();
    for (const fact of ['createdUser', 'rotatedUser', 'droppedUser']) {
      expect(
        lines.filter((line) => line[fact] === 'traced' && line.status < 300),
        fact,
      ).toHaveLength(1);
    }
    const events = lines.filter(({ kind, event }) => kind === 'event' && event === 'account.changed');
    expect(events.map(({ action }) => action)).toEqual(['made', 'password', 'dropped']);
    for (const node of cluster.nodes) {
      for (const directory of ['.', 'audit', 'state']) {
        const path = join(node.directory, directory);
        for (const entry of await readdir(path, { withFileTypes: true })) {
          if (!entry.isFile()) continue;
          const text = (await unlessGone(readFile(join(path, entry.name), 'latin1'))) ?? '';
          expect(text.includes(password) || text.includes(rotated.body.password), entry.name).toBe(false);
        }
      }
    }
  });
});

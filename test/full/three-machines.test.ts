/** docs/three-machines.md, on machines of their own: each in a network namespace with its own address and cable. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestNetwork } from '../kit/network.js';
import { SetUpNode } from '../kit/set-up-node.js';
import { until } from '../kit/until.js';

const HOSTS = ['10.77.0.1', '10.77.0.2', '10.77.0.3'];
const network = TestNetwork.create(HOSTS);
let base: string;
let machines: SetUpNode[] = [];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'skein-machines-'));
  if (!network) return;
  machines = network.machines.map(
    ({ host, prefix }, at) =>
      new SetUpNode({ directory: join(base, `db${at + 1}`), host, prefix, ports: [8083, 7083, 6446] }),
  );
});

afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.end()));
  network?.dispose();
  await rm(base, { recursive: true, force: true });
});

const allVote =
  (count: number) => (status: { quorum: { voters: number }; members: readonly { state: string }[] }) =>
    status.quorum.voters === count && status.members.every(({ state }) => state === 'live');

describe.runIf(network !== null)('three machines (needs network namespaces)', () => {
  it('become a cluster with the commands of the page', async () => {
    const [db1, ...others] = machines as [SetUpNode, ...SetUpNode[]];
    expect((await db1.setUp(['init', '--listen', db1.host, '--tls'])).code).toBe(0);
    db1.start();
    await db1.untilStatus('db1 is live', allVote(1));
    const token = readFileSync(join(db1.directory, 'admin.token'), 'utf8').trim();
    for (const [at, machine] of others.entries()) {
      machine.token = token;
      // The line as it is: the machine listens where it reaches the first one.
      const joined = await machine.setUp(await db1.joinLine());
      expect([joined.code, joined.stderr]).toEqual([0, expect.stringContaining(`member n${at + 2}`)]);
      machine.start();
      await db1.untilStatus(`${machine.host} is a voter`, allVote(at + 2));
    }
    const { members } = await db1.untilStatus('all vote', allVote(3));
    expect(members.map(({ http }) => http)).toEqual(HOSTS.map((host) => `https://${host}:8083`));
  });

  it('hold what was written when the cable of one is pulled, and it comes back by itself', async () => {
    const [db1, , db3] = machines as [SetUpNode, SetUpNode, SetUpNode];
    for (const sql of ['CREATE DATABASE shop', 'CREATE TABLE shop.t (id INT PRIMARY KEY)'])
      expect((await db1.skein(['sql', sql])).code).toBe(0);
    network?.cable(2, 'down');
    await db1.untilStatus('n3 is late or gone', ({ members }) =>
      members.some(({ name, state }) => name === 'n3' && state !== 'live'),
    );
    expect((await db1.skein(['sql', 'INSERT INTO shop.t VALUES (1)'])).code).toBe(0);
    network?.cable(2, 'up');
    await db1.untilStatus('n3 is back', allVote(3));
    await until('n3 has the row', async () => (await db3.rows('SELECT id FROM shop.t')).length === 1);
  });

  it('have certificates for all of their addresses', async () => {
    const verified = (from: SetUpNode, host: string) =>
      from
        .skein(['status', '--node', `https://${host}:8083`])
        .then(({ stdout }) => /primary n[123]/.test(stdout));
    for (const from of machines) {
      for (const host of HOSTS)
        expect([from.host, host, await verified(from, host)]).toEqual([from.host, host, true]);
    }
    for (const { directory } of machines) {
      await until('the certificate is made for every member', () => {
        const certificate = new X509Certificate(readFileSync(join(directory, 'tls/node.crt')));
        return HOSTS.every((host) => certificate.checkIP(host) === host);
      });
    }
  });
});

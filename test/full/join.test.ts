/**
 * `skein init`, `skein token join`, `skein join`, `skein remove`: one machine for each address of the loopback network, with
 * TLS.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askMember } from '../../src/cli/setup/ask-member.js';
import { holdPorts } from '../../src/cli/setup/ports.js';
import { JOIN_PROTOCOL, Joiner } from '../../src/joining/exchange.js';
import { formatJoinToken, joinSecretOf, parseJoinToken } from '../../src/joining/join-token.js';
import { isSkeinError } from '../../src/model/error.js';
import type { MembersDocument } from '../../src/model/status.js';
import { LINK_VERSION } from '../../src/wire/frames.js';
import { freePorts, killAndWait } from '../kit/processes.js';
import { SetUpNode, type Status } from '../kit/set-up-node.js';
import { SmallDisk } from '../kit/small-disk.js';
import { until } from '../kit/until.js';

let base: string;
let ports: [number, number, number];
let n1: SetUpNode;
let n2: SetUpNode;
let n3: SetUpNode;
const machines: SetUpNode[] = [];

function machine(name: string, host: string): SetUpNode {
  const made = new SetUpNode({ directory: join(base, name), host, ports });
  machines.push(made);
  return made;
}

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'skein-join-'));
  const port = await freePorts([0, 1, 2, 3]);
  ports = [port, port + 1, port + 2];
  n1 = machine('n1', '127.0.0.1');
  n2 = machine('n2', '127.0.0.2');
  n3 = machine('n3', '127.0.0.3');
  const made = await n1.setUp(['init', '--listen', n1.host, '--tls', '--cluster', 'shop']);
  expect(made.stderr).toContain('The cluster "shop" is prepared');
  expect(made.code).toBe(0);
  for (const each of [n2, n3]) each.token = readFileSync(join(n1.directory, 'admin.token'), 'utf8').trim();
  n1.start();
  await n1.untilStatus('n1 is live', ({ members }) => members[0]?.state === 'live');
});

afterAll(async () => {
  await Promise.all(machines.map((each) => each.end()));
  // A bootstrap whose node was killed may still be writing for a moment.
  await rm(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
});

/** The members and the join tokens, as the primary has them. */
async function clusterState(): Promise<unknown> {
  const [{ members }, joinTokens] = await Promise.all([n1.get<Status>('/v1/cluster'), allJoinTokens()]);
  return [members.map(({ name, http }) => [name, http]), joinTokens.map(({ id, usedAt }) => [id, usedAt])];
}

interface ListedToken {
  readonly id: string;
  readonly usedAt: string | null;
  readonly usedBy: string | null;
  readonly state: string;
}

async function allJoinTokens(): Promise<ListedToken[]> {
  return (await n1.get<{ joinTokens: ListedToken[] }>('/v1/join-tokens')).joinTokens;
}

/** As `skein token join` prints it. */
async function newLine(expiresInSeconds = 3600): Promise<string[]> {
  const { body } = await n1.request<{ address: string; token: string }>('POST', '/v1/join-tokens', {
    expiresInSeconds,
  });
  return ['join', body.address, '--token', body.token];
}

/** Lines of the primary's log that tell of a refusal with this code. */
async function refusalsLogged(code: string): Promise<number> {
  const log = await readFile(join(n1.directory, 'node.log'), 'utf8');
  // A stranger's words are not repeated: without a proof no code is told.
  const stranger = code === 'JOIN_TOKEN_UNKNOWN' ? 'a join request with a wrong token was refused' : code;
  return log
    .split('\n')
    .filter((line) => line.includes('refused') && (line.includes(code) || line.includes(stranger))).length;
}

/** `skein join` on a machine that is not there yet, at the member's address or another one. */
async function refused(directory: string, line: string[], ...options: string[]) {
  const stranger = machine(directory, '127.0.0.9');
  const { code, stderr } = await stranger.setUp([...line, '--listen', stranger.host, ...options]);
  expect(code, stderr).toBe(1);
  return stderr;
}

describe('a cluster of three machines', () => {
  it('begins with one, whose secrets are for its owner only', async () => {
    for (const name of ['cluster.secret', 'admin.token', 'tls/ca.key', 'tls/node.key'])
      expect([name, statSync(join(n1.directory, name)).mode & 0o077]).toEqual([name, 0]);
    await n1.skein(['sql', 'CREATE DATABASE shop']);
    await n1.skein(['sql', 'CREATE TABLE shop.t (id INT PRIMARY KEY)']);
    await n1.skein(['sql', 'INSERT INTO shop.t VALUES (1)']);
  });

  it('gets a second one, which counts by itself', async () => {
    const line = await n1.joinLine();
    expect(line.slice(0, 3)).toEqual(['join', `https://${n1.host}:${ports[0]}`, '--token']);
    // The primary starts again meanwhile: tokens are not in its memory.
    await killAndWait(await n1.pid('node'));
    n1.start();
    await n1.untilStatus('n1 is live again', ({ members }) => members[0]?.state === 'live');
    const joined = await n2.setUp([...line, '--listen', n2.host]);
    expect(joined).toMatchObject({ code: 0, stdout: '' });
    expect(joined.stderr).toContain('This machine is the member n2 of the cluster "shop"');
    n2.start();
    await n1.untilStatus('both are voters', ({ quorum, members }) => {
      return quorum.voters === 2 && members.every(({ voter, state }) => voter && state === 'live');
    });
    await n2.untilStatus('n2 knows it too', ({ quorum }) => quorum.voters === 2);
    expect((await n2.skein(['status'])).stdout).toContain('n2');
  });

  it('gets a third one through the address of a replica', async () => {
    const line = (await n1.joinLine()).map((word) => word.replace(n1.host, n2.host));
    const joined = await n3.setUp([...line, '--listen', n3.host, '--name', 'third']);
    expect([joined.code, joined.stderr]).toEqual([0, expect.stringContaining('member third')]);
    n3.start();
    const { quorum } = await n1.untilStatus('all are voters', ({ quorum, members }) => {
      return quorum.voters === 3 && members.every(({ voter, state }) => voter && state === 'live');
    });
    expect(quorum.needed).toBe(2);
  });

  it('keeps what it acknowledges on all', async () => {
    expect((await n1.skein(['sql', 'INSERT INTO shop.t VALUES (2)'])).code).toBe(0);
    for (const each of [n1, n2, n3]) {
      await until(
        'the row is there',
        async () => (await each.rows('SELECT id FROM shop.t ORDER BY id')).length === 2,
      );
    }
  });

  it('has no secret of the cluster in what the machines say of it', async () => {
    const secret = readFileSync(join(n1.directory, 'cluster.secret'), 'utf8').trim();
    expect(readFileSync(join(n2.directory, 'cluster.secret'), 'utf8').trim()).toBe(secret);
    for (const each of [n1, n2, n3]) {
      const log = await readFile(join(each.directory, 'node.log'), 'utf8');
      expect(log).not.toContain(secret);
      expect(log).not.toMatch(/skein_join_[\w-]{60}/);
    }
  });
});

describe('a machine is refused, and nothing is changed, with', () => {
  it.each<[string, string, () => Promise<string[]>, string[]]>([
    ['a wrong token', 'JOIN_TOKEN_UNKNOWN', async () => wrongToken(await newLine()), []],
    ['a used token', 'JOIN_TOKEN_USED', usedLine, []],
    ['a revoked token', 'JOIN_TOKEN_UNKNOWN', revokedLine, []],
    ['a token that has ended', 'JOIN_TOKEN_EXPIRED', expiredLine, []],
    ['a name that is taken', 'MEMBER_EXISTS', () => newLine(), ['--name', 'n2']],
    [
      'an address where nobody can reach it',
      'JOINER_UNREACHABLE',
      () => newLine(),
      ['--advertise', '127.0.0.8'],
    ],
    ['an address of another member', 'MEMBER_EXISTS', () => newLine(), ['--advertise', '127.0.0.2']],
  ])('%s', async (what, code, makeLine, options) => {
    const line = await makeLine();
    const [before, logged] = [await clusterState(), await refusalsLogged(code)];
    const directory = what.replaceAll(' ', '-');
    expect(await refused(directory, line, ...options)).toContain(code);
    expect(existsSync(join(base, directory))).toBe(false);
    expect(await clusterState()).toEqual(before);
    await until('the primary has logged the refusal', async () => (await refusalsLogged(code)) > logged);
  });

  it.each<[string, string, object]>([
    ['another version', 'JOIN_VERSION', { link: LINK_VERSION + 1 }],
    ['a server of another kind', 'SERVER_UNSUITABLE', { server: { flavour: 'mysql', version: '8.4.0' } }],
    ['an older server', 'SERVER_UNSUITABLE', { server: { flavour: 'mariadb', version: '10.11.1-MariaDB' } }],
    ['a disk that is too small', 'DISK_TOO_SMALL', { freeBytes: 1024 ** 2 }],
  ])('%s', async (_, code, change) => {
    const [, url = '', , text = ''] = await newLine();
    const [before, logged] = [await clusterState(), await refusalsLogged(code)];
    const details = { ...goodDetails(), ...change };
    for (const step of ['check', 'join'] as const) {
      const asked = askMember(url, step, details, {
        joiner: joinerOf(text),
        signal: new AbortController().signal,
      });
      const error = await asked.catch((thrown: unknown) => thrown);
      expect(isSkeinError(error, code), String(error)).toBe(true);
    }
    expect(await clusterState()).toEqual(before);
    await until(
      'the primary has logged the refusals',
      async () => (await refusalsLogged(code)) >= logged + 2,
    );
  });

  it('another version of the exchange', async () => {
    const [, url = '', , text = ''] = await newLine();
    const joiner = joinerOf(text);
    const later = {
      request: (...args: Parameters<Joiner['request']>) => ({
        ...joiner.request(...args),
        protocol: JOIN_PROTOCOL + 1,
      }),
    };
    const asked = askMember(
      url,
      'check',
      {},
      {
        joiner: Object.assign(Object.create(joiner), later) as Joiner,
        signal: new AbortController().signal,
      },
    );
    await expect(asked).rejects.toMatchObject({ code: 'JOIN_VERSION' });
  });

  it('a directory that belongs to a cluster already', async () => {
    const files = readdirSync(n2.directory).sort();
    const { code, stderr } = await n2.setUp([...(await newLine()), '--listen', '127.0.0.9']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('the node n2 of the cluster shop already')]);
    expect(readdirSync(n2.directory).sort()).toEqual(files);
    expect((await n1.setUp(['init'])).stderr).toContain('the node n1 of the cluster shop already');
  });

  it('an address where no member is, or something else', async () => {
    const [, , ...token] = await newLine();
    expect(await refused('nobody', ['join', 'http://127.0.0.1:1', ...token])).toContain(
      'No member answers at',
    );
    // A link port is no HTTP port.
    const link = `http://127.0.0.1:${ports[1]}`;
    expect(await refused('link', ['join', link, ...token])).toMatch(
      /No member answers at|is not a Skein node/,
    );
  });

  it('a full disk', async ({ skip }) => {
    const disk = SmallDisk.mount(join(base, 'disk'), 1024 ** 2);
    if (!disk) return skip('no file system can be mounted here');
    try {
      disk.fill();
      const line = await newLine();
      const before = await clusterState();
      expect(await refused('disk/full', line)).toMatch(/cannot be used: ENOSPC.*Nothing was changed/s);
      expect(readdirSync(join(base, 'disk'))).toEqual(['filler']);
      expect(await clusterState()).toEqual(before);
    } finally {
      disk.unmount();
    }
  });

  it('a port that is taken, or an address of another machine', async () => {
    const line = await newLine();
    const there = new SetUpNode({ directory: join(base, 'there'), host: n1.host, ports });
    expect((await there.setUp([...line, '--listen', n1.host])).stderr).toContain(
      'is taken by another program',
    );
    expect((await there.setUp([...line, '--listen', '192.0.2.1'])).stderr).toContain(
      'cannot listen on 192.0.2.1',
    );
    expect(existsSync(there.directory)).toBe(false);
  });
});

it('of two machines with one token, one joins', async () => {
  const line = await newLine();
  const pair = ['127.0.0.4', '127.0.0.5'].map((host) => ({ host, node: machine(`pair-${host}`, host) }));
  const both = await Promise.all(pair.map(({ host, node }) => node.setUp([...line, '--listen', host])));
  expect(both.map(({ code }) => code).sort()).toEqual([0, 1]);
  expect(both.map(({ stderr }) => stderr).join('')).toContain('JOIN_TOKEN_USED');
  // It was never started: a learner that is not there holds nobody up.
  const { members, quorum } = await n1.untilStatus(
    'the new member is in the list',
    ({ members }) => members.length === 4,
  );
  expect(quorum.voters).toBe(3);
  const learner = members.find(({ voter }) => !voter)?.name ?? '';
  expect((await n1.skein(['remove', learner])).code).toBe(0);
});

it('one token makes one machine one member, however it asks', async () => {
  const [, url = '', , text = ''] = await newLine();
  const asks = (joiner: Joiner, name: string, host: string) => {
    const details = { ...goodDetails(), name, host };
    const asked = askMember(url, 'join', details, { joiner, signal: new AbortController().signal });
    return asked.then(
      () => 'joined',
      (error: unknown) => (isSkeinError(error) ? error.code : String(error)),
    );
  };
  const [first, second] = [joinerOf(text), joinerOf(text)];
  const held = await Promise.all(
    ['127.0.0.6', '127.0.0.7'].map((host) =>
      holdPorts(host, {
        ...{ http: ports[0], link: ports[1] },
        mysql: { readWrite: ports[2], readOnly: ports[2] + 1 },
      }),
    ),
  );
  try {
    // At once, so that one of the two is refused after it has shown the token.
    const both = await Promise.all([asks(first, 'n7', '127.0.0.6'), asks(first, 'n7', '127.0.0.7')]);
    expect(both.sort()).toEqual(['MEMBER_EXISTS', 'joined']);
    expect(await asks(first, 'n8', '127.0.0.7')).toBe('JOIN_TOKEN_USED');
    expect(await asks(second, 'n8', '127.0.0.7')).toBe('JOIN_TOKEN_USED');
  } finally {
    await Promise.all(held.map((each) => each.release()));
  }
  expect((await n1.skein(['remove', 'n7'])).code).toBe(0);
});

it('a member is removed, and joins again on an empty directory', async () => {
  const removed = await n1.skein(['remove', 'third']);
  expect([removed.code, removed.stderr]).toEqual([0, expect.stringContaining('third is no longer a member')]);
  const { quorum } = await n1.untilStatus('two are left', ({ members }) => members.length === 2);
  expect(quorum.voters).toBe(2);
  await n3.stop();
  await rm(n3.directory, { recursive: true });
  expect((await n1.skein(['remove', 'third'])).stderr).toContain('no member third');
  expect((await n3.setUp([...(await newLine()), '--listen', n3.host])).stderr).toContain('member n3');
  n3.start();
  await n1.untilStatus('three are voters again', ({ quorum, members }) => {
    return quorum.voters === 3 && members.every(({ voter, state }) => voter && state === 'live');
  });
  await until('the rows are there', async () => (await n3.rows('SELECT id FROM shop.t')).length === 2);
});

it('a machine that was removed does not take the place of a new one with its name', async () => {
  expect((await n1.skein(['remove', 'n3'])).stderr).toContain('holds all data');
  const fourth = machine('fourth', '127.0.0.4');
  const joined = await fourth.setUp([...(await newLine()), '--listen', fourth.host, '--name', 'n3']);
  expect([joined.code, joined.stderr]).toEqual([0, expect.stringContaining('member n3')]);
  const addressOfN3 = async () => {
    const { members } = (await n1.request<MembersDocument>('GET', '/v1/members')).body;
    return members.find(({ name }) => name === 'n3')?.link.host;
  };
  // The new one has not started yet; the old one dials at once.
  await n3.stop();
  n3.start();
  await until('the old machine is refused', async () => (await n3.log(200)).includes('MEMBER_ELSEWHERE'), {
    deadlineMs: 60_000,
    context: () => n3.log(),
  });
  expect(await addressOfN3()).toBe(fourth.host);
  fourth.start();
  const { members } = await n1.untilStatus('the new one is a voter', ({ quorum, members }) => {
    return quorum.voters === 3 && members.every(({ voter, state }) => voter && state === 'live');
  });
  expect(members).toHaveLength(3);
  // Also when the new one is away.
  await fourth.stop();
  await n3.stop();
  n3.start();
  await n3.untilStatus('the old one runs', ({ members }) => members.length > 0);
  fourth.start();
  await n1.untilStatus('the new one is back', ({ quorum }) => quorum.attached === 3);
  expect(await addressOfN3()).toBe(fourth.host);
});

function joinerOf(text: string): Joiner {
  const token = parseJoinToken(text);
  if (!token) throw new Error('not a join token');
  return new Joiner(token);
}

/** Of a machine that nothing speaks against, but that nobody answers there. */
function goodDetails() {
  return {
    ...{ name: 'n9', skein: '9.9.9', link: LINK_VERSION, server: { flavour: 'mariadb', version: '99.0.0' } },
    ...{ host: '127.0.0.9', ports: { http: ports[0], link: ports[1], mysql: null } },
    ...{ freeBytes: 2 ** 50, publicKey: null, hasCertificate: false },
  };
}

function wrongToken(line: string[]): string[] {
  const token = parseJoinToken(line.at(-1) ?? '');
  if (!token) throw new Error('not a join token');
  token.secret[0] = (token.secret[0] ?? 0) ^ 1;
  return [...line.slice(0, -1), formatJoinToken(token)];
}

async function usedLine(): Promise<string[]> {
  const id = (await allJoinTokens()).find(({ usedBy }) => usedBy === 'n2')?.id ?? '';
  // The text of that token was not kept; it follows from the cluster's secret.
  const clusterSecret = Buffer.from(readFileSync(join(n1.directory, 'cluster.secret'), 'utf8').trim());
  const line = await newLine();
  return [...line.slice(0, -1), formatJoinToken({ id, secret: joinSecretOf(clusterSecret, id) })];
}

async function revokedLine(): Promise<string[]> {
  const line = await newLine();
  const { id = '' } = parseJoinToken(line.at(-1) ?? '') ?? {};
  expect((await n1.skein(['token', 'revoke', id])).code).toBe(0);
  return line;
}

async function expiredLine(): Promise<string[]> {
  const line = await newLine(1);
  const { id = '' } = parseJoinToken(line.at(-1) ?? '') ?? {};
  await until('the token has ended', async () =>
    (await allJoinTokens()).some((token) => token.id === id && token.state === 'expired'),
  );
  return line;
}

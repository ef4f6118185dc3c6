import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { GREETING, LOGIN, loginWith, ok, query, RESET } from '../../test/kit/mysql-packets.js';
import { type RawClient, rawClient } from '../../test/kit/raw-client.js';
import { throughout, until as untilTrue } from '../../test/kit/until.js';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { CAPABILITY } from '../mysql-protocol/login.js';
import { packet } from '../mysql-protocol/packets.js';
import { findFreePort } from '../std/free-port.js';
import { silentLogger } from '../std/logger.js';
import { Gate, type Route, type Target } from './gate.js';
import type { KillJudge } from './pipe.js';
import { MysqlPort, type MysqlPortOptions } from './port.js';

/** The port between a plain TCP server and plain TCP clients: what happens to bytes and to connections. */

const cleanUp: Array<() => Promise<void> | void> = [];

afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

interface Backend {
  server: Server;
  port: number;
  sockets: Socket[];
}

async function backend(greet = true): Promise<Backend> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (greet) socket.write(GREETING, 'latin1');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port, sockets };
}

async function portWith(
  route: Route,
  options: Partial<MysqlPortOptions> = {},
  judge: KillJudge = () => Promise.resolve(null),
  beforeLogin: number[] = [],
  fresh: (() => Promise<boolean>) | null = null,
) {
  const clock = new VirtualClock();
  const gate = new Gate('starting');
  gate.set(route);
  const listening = { name: 'test', host: '127.0.0.1', port: await findFreePort() };
  const port = new MysqlPort(
    {
      ...listening,
      ...{ connectionsMax: 3, openWaitMs: 300 },
      ...{ loginsMax: 100, loginsPerAddressMax: 100, loginMs: 60_000 },
      ...options,
    },
    {
      gate,
      clock,
      logger: silentLogger,
      judge,
      fresh,
      threadsBeforeLogin: () => Promise.resolve(new Set(beforeLogin)),
    },
  );
  await port.start();
  cleanUp.push(() => port.stop());
  return { gate, port, number: listening.port, clock };
}

const to = (port: number, target: Partial<Target> = {}): Route => ({
  open: true,
  target: { host: '127.0.0.1', port, ...target },
});

function client(port: number): RawClient {
  const one = rawClient(port);
  cleanUp.push(() => {
    one.socket.destroy();
  });
  return one;
}

const until = (done: () => boolean, what: string) => untilTrue(what, done, { intervalMs: 5 });

/** After it no byte can arrive there any more. */
const closed = (socket: Socket | undefined) =>
  new Promise<void>((resolve) => {
    if (!socket || socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });

async function greeted(port: number): Promise<RawClient> {
  const one = client(port);
  await until(() => one.text().startsWith(GREETING), 'greeted');
  return one;
}

/** The newest connection of the backend, and what it gets after the login. */
async function loggedIn(port: number, sockets: Socket[], login = LOGIN) {
  const one = await greeted(port);
  const server = sockets.at(-1) as Socket;
  let received = Buffer.alloc(0);
  server.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  one.socket.write(login);
  await until(() => received.length >= login.length, 'the login arrived');
  server.write(ok(2));
  await until(() => one.text().length >= GREETING.length + ok(2).length, 'let in');
  return { one, server, received: () => received.subarray(login.length).toString('latin1') };
}

it('passes bytes both ways, and counts them', async () => {
  const { port: target, sockets } = await backend();
  const { port, number } = await portWith(to(target));
  const one = await greeted(number);
  sockets[0]?.on('data', (chunk: Buffer) => sockets[0]?.write(`${chunk}!`));
  one.socket.write('hello');
  await until(() => one.text() === `${GREETING}hello!`, 'the echo');
  expect(port.counters).toEqual({
    open: 1,
    total: 1,
    refused: 0,
    cut: 0,
    loginsOpen: 1,
    loginsDropped: 0,
    kills: 0,
    killsRefused: 0,
    bytesIn: 5,
    bytesOut: GREETING.length + 6,
  });
  one.socket.end();
  await one.closed;
  await until(() => port.counters.open === 0, 'closed');
});

it('when one end goes, the other gets what is on its way, and goes too', async () => {
  const { port: target, sockets } = await backend();
  const { number } = await portWith(to(target));
  const one = await greeted(number);
  sockets[0]?.end('last words');
  await one.closed;
  expect(one.text()).toBe(`${GREETING}last words`);

  const two = await greeted(number);
  const goodbye: string[] = [];
  sockets[1]?.on('data', (chunk: Buffer) => goodbye.push(String(chunk)));
  const serverSide = once(sockets[1] as Socket, 'close');
  two.socket.end('quit');
  await serverSide;
  expect(goodbye.join('')).toBe('quit');

  const three = await greeted(number);
  const gone = once(sockets[2] as Socket, 'close');
  sockets[2]?.resume();
  three.socket.resetAndDestroy();
  await gone;
});

it('cuts everything before a change of the gate returns, without a word, and passes no byte afterwards', async () => {
  const { port: target, sockets } = await backend();
  let judged: (refusal: null) => void = () => {};
  let asked = false;
  const judge = () => {
    asked = true;
    return new Promise<null>((resolve) => {
      judged = resolve;
    });
  };
  const { gate, port, number } = await portWith(to(target, { judgesKills: true }), {}, judge);
  const { one, server, received } = await loggedIn(number, sockets);
  const before = one.text();
  one.socket.write(Buffer.concat([query('KILL QUERY 7'), query('COMMIT')]));
  await until(() => asked, 'both are in the port’s own hands, and not passed on');
  gate.set({ open: false, reason: 'fenced' });
  expect(port.counters.cut).toBe(1);
  judged(null);
  await Promise.all([one.closed, closed(server)]);
  expect(received()).toBe('');
  expect(one.text()).toBe(before);
});

it.each(['to the server', 'to the client'])('asks the gate before each chunk %s', async (direction) => {
  const { port: target, sockets } = await backend();
  const { gate, port, number } = await portWith(to(target));
  const one = await greeted(number);
  let late = '';
  sockets[0]?.on('data', (chunk: Buffer) => {
    late += String(chunk);
  });
  // A lease that ran out: nobody has told the port yet.
  gate.admits = () => false;
  if (direction === 'to the server') one.socket.write('COMMIT');
  else sockets[0]?.write('OK');
  await Promise.all([one.closed, closed(sockets[0])]);
  expect(late).toBe('');
  expect(one.text()).toBe(GREETING);
  expect(port.counters.cut).toBe(1);
});

it('refuses one too many, and whom it has nowhere to send', async () => {
  const { port: target, sockets } = await backend();
  const { gate, port, number, clock } = await portWith(to(target), { openWaitMs: 150 });
  const all: RawClient[] = [];
  for (let i = 0; i < 3; i++) all.push((await loggedIn(number, sockets)).one);
  const fourth = client(number);
  await fourth.closed;
  expect(fourth.text().charCodeAt(4)).toBe(0xff);
  expect(Buffer.from(fourth.text(), 'latin1').readUInt16LE(5)).toBe(1040);
  expect(fourth.text()).toContain('Too many connections');
  all[0]?.socket.destroy();
  await until(() => port.counters.open === 2, 'room');
  await loggedIn(number, sockets);

  gate.set({ open: false, reason: 'No replica is attached.' });
  const lost = client(number);
  await until(() => clock.isDueWithin(150), 'it waits');
  clock.pass(149);
  expect(port.counters.open).toBe(1);
  clock.pass(1);
  await lost.closed;
  expect(Buffer.from(lost.text(), 'latin1').readUInt16LE(5)).toBe(1053);
  expect(lost.text()).toContain('No replica is attached.');
  expect(port.counters).toMatchObject({ refused: 2, open: 0 });
});

it('a client that comes too early gets through when the gate opens, or the server answers', async () => {
  const first = await backend();
  const options = { openWaitMs: 60_000 };
  const { gate, number, clock } = await portWith({ open: false, reason: 'starting' }, options);
  const early = client(number);
  await throughout('it waits', 50, () => early.text() === '');
  gate.set(to(first.port));
  await until(() => early.text() === GREETING, 'greeted');

  gate.set(to(await findFreePort()));
  const second = client(number);
  await throughout('it waits too', 100, () => second.text() === '');
  gate.set(to(first.port));
  const redialled = () => {
    clock.pass(50);
    return second.text() === GREETING;
  };
  await until(redialled, 'greeted by the other');
});

it('a target that never greets is given up', async () => {
  const { port: target, sockets } = await backend(false);
  const { number, clock } = await portWith(to(target), { openWaitMs: 50 });
  const one = client(number);
  await until(() => sockets.length === 1, 'dialled');
  clock.pass(2_050);
  await one.closed;
  expect(one.text()).toContain('did not greet');
});

it('stops: nobody is left, waiting ones included', async () => {
  const { port: target } = await backend();
  const { gate, port, number } = await portWith(to(target), { openWaitMs: 10_000 });
  const one = await greeted(number);
  gate.set({ open: false, reason: 'later' });
  const two = client(number);
  await until(() => port.counters.total === 2, 'accepted');
  await port.stop();
  await Promise.all([one.closed, two.closed]);
  await until(() => port.counters.open === 0, 'counted');
});

it('holds a KILL until it is judged; what follows keeps its place', async () => {
  const { port: target, sockets } = await backend();
  let decide: (refusal: string | null) => void = () => {};
  const asked: unknown[] = [];
  const { number } = await portWith(to(target, { judgesKills: true }), {}, (kill) => {
    asked.push(kill);
    return new Promise((resolve) => {
      decide = resolve;
    });
  });
  const { one, received } = await loggedIn(number, sockets);
  const text = (...packets: Buffer[]) => Buffer.concat(packets).toString('latin1');
  const [a, kill, b] = [query('SELECT 1'), query('KILL QUERY 7'), query('SELECT 2')];
  const bytes = Buffer.concat([a, kill, b, kill, b]);
  // The second command comes in two pieces; that the first has arrived proves that the port has read the beginning.
  one.socket.write(bytes.subarray(0, a.length + 7));
  await until(() => received() === text(a), 'the first has passed');
  one.socket.write(bytes.subarray(a.length + 7));
  await until(() => asked.length === 1, 'asked');
  await throughout('nothing more passes', 50, () => received() === text(a));
  decide(null);
  await until(() => asked.length === 2, 'asked again');
  expect(received()).toBe(text(a, kill, b));
  decide('not now');
  await until(() => received().endsWith(text(b)) && received().includes('SIGNAL'), 'all passed');
  expect(received()).toContain("MESSAGE_TEXT = 'not now'");
  expect(received().match(/KILL/g)).toHaveLength(1);
  expect(asked).toEqual([
    { kind: 'session', id: 7 },
    { kind: 'session', id: 7 },
  ]);
});

const onTo = (port: number): Route => ({
  open: true,
  target: { host: '127.0.0.1', port, forwards: true },
});

it('two ports that lead to each other refuse, instead of passing a client round and round', async () => {
  const options = { connectionsMax: 50, openWaitMs: 0 };
  const first = await portWith({ open: false, reason: 'not yet' }, options);
  const second = await portWith(onTo(first.number), options);
  first.gate.set(onTo(second.number));
  for (const { number } of [first, second]) {
    const one = client(number);
    await one.closed;
    expect(one.text()).toContain('forwarded this connection here');
  }
  expect(first.port.counters.total + second.port.counters.total, 'the client and few hops').toBeLessThan(12);
});

it('a port that leads to itself refuses too', async () => {
  const { gate, number, port } = await portWith(
    { open: false, reason: 'not yet' },
    { connectionsMax: 50, openWaitMs: 0 },
  );
  gate.set(onTo(number));
  const one = client(number);
  await one.closed;
  expect(one.text()).toContain('forwarded this connection here');
  expect(port.counters.total).toBeLessThan(6);
});

it('a refusal of another node is no greeting: the client waits, and is led to the next primary', async () => {
  const { port: target } = await backend();
  const behind = await portWith({ open: false, reason: 'not yet' }, { openWaitMs: 0 });
  const replica = await portWith(onTo(behind.number));
  const one = client(replica.number);
  await until(() => behind.port.counters.refused > 0, 'the other node has refused');
  replica.gate.set(to(target));
  await until(() => {
    replica.clock.pass(50);
    return one.text() === GREETING;
  }, 'it is greeted');
});

it('a primary that hangs is left as soon as there is another one', async () => {
  const { port: target } = await backend();
  const hanging = await backend(false);
  const replica = await portWith(onTo(hanging.port));
  const one = client(replica.number);
  await until(() => hanging.sockets.length > 0, 'it is dialled');
  replica.gate.set(to(target));
  await until(() => {
    replica.clock.pass(50);
    return one.text() === GREETING;
  }, 'it is greeted');
});

it("through two nodes the server gets the client's bytes and nothing else", async () => {
  const { port: target, sockets } = await backend();
  const primary = await portWith(to(target));
  const replica = await portWith(onTo(primary.number));
  const one = await greeted(replica.number);
  let received = '';
  sockets[0]?.on('data', (chunk) => {
    received += chunk;
  });
  one.socket.write('hello');
  await until(() => received !== '', 'it arrived');
  expect(received).toBe('hello');
  expect(primary.port.counters.bytesIn).toBe(5);
});

it('a command before the login is not looked at but cut, with all that it costs (A1)', async () => {
  const { port: target, sockets } = await backend();
  const { number } = await portWith(to(target, { judgesKills: true }));
  const one = await greeted(number);
  let received = 0;
  sockets[0]?.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  one.socket.write(Buffer.concat([LOGIN, query(`${'/**/'.repeat(250)}X`)]));
  await one.closed;
  expect(received, 'not even the login of it').toBe(0);
});

describe('a session that the server made read-only at its login', () => {
  it('is made so again between a reset and the next command, and the client sees nothing of it', async () => {
    const { port: target, sockets } = await backend();
    const { number } = await portWith(to(target, { keepsReadOnly: true }));
    const { one, server, received } = await loggedIn(number, sockets);
    const before = one.text().length;
    const again = query('SET SESSION TRANSACTION READ ONLY').toString('latin1');
    one.socket.write(RESET);
    await until(() => received().length === RESET.length, 'the reset');
    server.write(ok(1));
    await until(() => one.text().length === before + 11, 'its answer');
    one.socket.write(query('SELECT 1'));
    await until(() => received().endsWith(again), 'set again');
    // The answer in two pieces.
    server.write(ok(1).subarray(0, 5));
    await throughout('half an answer is none', 50, () => received().endsWith(again));
    server.write(ok(1).subarray(5));
    await until(() => received().endsWith(query('SELECT 1').toString('latin1')), 'the command');
    expect(one.text().length).toBe(before + 11);
    server.write('rows');
    await until(() => one.text().endsWith('rows'), 'the answer of the command');
    one.socket.write(query('SELECT 2'));
    await until(() => received().endsWith('SELECT 2'), 'nothing is set a second time');
    expect(received().split(again)).toHaveLength(2);
  });

  it('also when the client does not wait for the answer of the reset; and is cut when it cannot be', async () => {
    const { port: target, sockets } = await backend();
    const { number } = await portWith(to(target, { keepsReadOnly: true }));
    const { one, server, received } = await loggedIn(number, sockets);
    one.socket.write(Buffer.concat([RESET, query('SELECT 1')]));
    await until(() => received().length === RESET.length, 'the reset alone');
    server.write(ok(1));
    await until(() => received().endsWith('READ ONLY'), 'set again');
    server.write(packet(1, Buffer.from([0xff, 1, 2])));
    await one.closed;
    expect(received()).not.toContain('SELECT 1');
  });
});

describe('connections on which nobody logs in', () => {
  const many = (count: number, port: number) =>
    Promise.all(Array.from({ length: count }, () => greeted(port)));

  it('leave room for a real client when they fill the port: the oldest goes', async () => {
    const { port: target, sockets } = await backend();
    const { port, number } = await portWith(to(target), { connectionsMax: 8 });
    const { one: real } = await loggedIn(number, sockets);
    const silent = await many(7, number);
    expect(port.counters).toMatchObject({ open: 8, loginsOpen: 7 });
    const { one } = await loggedIn(number, sockets);
    await silent[0]?.closed;
    expect(port.counters).toMatchObject({ open: 8, refused: 0, loginsDropped: 1, loginsOpen: 6 });
    expect([real, one, silent[1]].some((each) => each?.socket.destroyed)).toBe(false);
  });

  it('have their time, and no more', async () => {
    const { port: target, sockets } = await backend();
    const { port, number, clock } = await portWith(to(target), { connectionsMax: 8, loginMs: 1_500 });
    const { one } = await loggedIn(number, sockets);
    const silent = await many(3, number);
    // The port looks at them each second.
    clock.pass(1_000);
    expect(port.counters).toMatchObject({ open: 4, loginsDropped: 0 });
    clock.pass(1_000);
    await Promise.all(silent.map(({ closed }) => closed));
    expect(port.counters).toMatchObject({ open: 1, loginsDropped: 3, loginsOpen: 0, cut: 0 });
    expect(one.socket.destroyed).toBe(false);
  });

  it.each([
    ['under TLS are told by the server, and dropped', [7], 1],
    ['under TLS that have logged in stay', [], 0],
  ])('%s', async (_name, beforeLogin, dropped) => {
    const { port: target } = await backend();
    const options = { connectionsMax: 8, loginMs: 300 };
    const { port, number, clock } = await portWith(to(target), options, undefined, beforeLogin);
    const one = await greeted(number);
    one.socket.write(Buffer.concat([loginWith(CAPABILITY.ssl), Buffer.from('TLS')]));
    await until(() => port.counters.loginsOpen === 0, 'not known');
    // The port asks each second, and looks at what it has learned a second later.
    for (let second = 0; second < 5; second++) {
      clock.pass(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (dropped > 0) await one.closed;
    expect(port.counters).toMatchObject({ open: 1 - dropped, loginsDropped: dropped });
  });
});

it('what a client sends after its login waits until the server is where the primary stands, or the client is cut', async () => {
  const { port: target, sockets } = await backend();
  const answers: Array<(fresh: boolean) => void> = [];
  const fresh = () => new Promise<boolean>((resolve) => answers.push(resolve));
  const { number } = await portWith(to(target, { waitsForPrimary: true }), {}, undefined, [], fresh);
  const { one, received } = await loggedIn(number, sockets);
  const text = query('SELECT 1').toString('latin1');
  one.socket.write(query('SELECT 1'));
  await until(() => answers.length === 1, 'asked');
  await throughout('it waits', 50, () => received() === '');
  answers[0]?.(true);
  await until(() => received() === text, 'passed');
  one.socket.write(query('SELECT 2'));
  await until(() => answers.length === 2, 'asked again');
  answers[1]?.(false);
  await one.closed;
  expect(received()).toBe(text);
});

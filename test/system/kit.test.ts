import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { judgeHttpAnswer, judgeLedger, Ledger } from '../kit/clients.js';
import { freePorts, LogRing } from '../kit/processes.js';
import { seededRandom } from '../kit/random.js';
import { TcpProxy } from '../kit/tcp-proxy.js';
import { throughout, until } from '../kit/until.js';

/** The tools that judge the product are judged first: a checker that cannot fail proves nothing. */

describe('judgeLedger', () => {
  const ledger = new Ledger();
  ledger.record(1, 1, { outcome: 'acknowledged' });
  ledger.record(1, 2, { outcome: 'unknown' });
  ledger.record(1, 3, { outcome: 'failed' });
  const kinds = (found: Record<string, number>) =>
    judgeLedger(ledger, new Map(Object.entries(found))).map((fault) => `${fault.kind} ${fault.row}`);

  it('is content with what the clients were told', () => {
    expect(kinds({ '1/1': 1 })).toEqual([]);
    expect(kinds({ '1/1': 1, '1/2': 1 })).toEqual([]);
  });

  it('finds a lost, a doubled, a ghost and a strange row', () => {
    expect(kinds({})).toEqual(['lost 1/1']);
    expect(kinds({ '1/1': 2 })).toEqual(['doubled 1/1']);
    expect(kinds({ '1/1': 1, '1/2': 2 })).toEqual(['doubled 1/2']);
    expect(kinds({ '1/1': 1, '1/3': 1 })).toEqual(['ghost 1/3']);
    expect(kinds({ '1/1': 1, '9/9': 1 })).toEqual(['stranger 9/9']);
  });
});

describe('judgeHttpAnswer', () => {
  const of = (status: number, body: unknown) =>
    judgeHttpAnswer(status, typeof body === 'string' ? body : JSON.stringify(body)).outcome;

  it('believes an answer only as far as it goes', () => {
    expect(of(200, { results: [], position: '1.2.x' })).toBe('acknowledged');
    expect(of(200, '{"results": [')).toBe('unknown');
    expect(of(503, { error: { code: 'NO_QUORUM', applied: 'no' } })).toBe('failed');
    expect(of(504, { error: { code: 'TIMEOUT', applied: 'unknown' } })).toBe('unknown');
    expect(of(503, { error: { code: 'NO_QUORUM' } })).toBe('unknown');
    expect(of(502, 'bad gateway')).toBe('unknown');
  });
});

describe('until', () => {
  it('names what it waited for and what it saw last', async () => {
    const probe = () => {
      throw new Error('still asleep');
    };
    await expect(until('the goose wakes', probe, { deadlineMs: 60, intervalMs: 10 })).rejects.toThrow(
      /the goose wakes: not within 60 ms; at last it failed with: still asleep/,
    );
  });

  it('keeps a long context in a file, and says in which', async () => {
    const log = 'a line of a log\n'.repeat(100);
    const late = (context: string) =>
      until('geese: two', () => false, { deadlineMs: 0, context: () => context }).catch(
        (error: Error) => error.message,
      );
    expect(await late('a short state')).toMatch(/false\na short state$/);
    const path = /\nlogs: (.*geese-two\.log)$/.exec(`${await late(log)}`)?.[1] ?? '';
    try {
      expect(readFileSync(path, 'utf8')).toContain(log);
    } finally {
      rmSync(path, { force: true });
    }
  });
});

it('seededRandom repeats itself, and keeps to its bounds', () => {
  const draw = (seed: number) => Array.from({ length: 20 }, seededRandom(seed).next);
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  const random = seededRandom(3);
  const numbers = Array.from({ length: 500 }, () => random.int(-2, 2));
  expect([...new Set(numbers)].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
});

it('LogRing keeps the last lines', () => {
  const ring = new LogRing(2);
  ring.push('a\nb');
  ring.push('b\nc\nd');
  expect(ring.lines).toEqual(['bb', 'c', 'd']);
});

describe('TcpProxy', () => {
  const opened: Array<Socket | Server> = [];
  let proxy: TcpProxy | undefined;
  afterEach(async () => {
    await proxy?.close();
    for (const each of opened.splice(0)) 'destroy' in each ? each.destroy() : each.close();
  });

  /** A server that sends back what it gets, a client through the proxy, and what the client has received so far. */
  async function echo() {
    const server = createServer((socket) => {
      opened.push(socket);
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    opened.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const running = await TcpProxy.start({ target: { port: address.port }, seed: 5 });
    proxy = running;
    const client = connect(running.port, '127.0.0.1');
    opened.push(client);
    const seen = { text: '', closed: false };
    client.setEncoding('utf8');
    client.on('data', (text: string) => {
      seen.text += text;
    });
    client.on('error', () => {});
    client.on('close', () => {
      seen.closed = true;
    });
    await once(client, 'connect');
    const hears = (text: string) =>
      until(`the echo ${text}`, () => seen.text.endsWith(text), { intervalMs: 5 });
    client.write('one');
    await hears('one');
    return { proxy: running, client, seen, hears };
  }

  /** Loopback takes a fraction of a millisecond. */
  const QUIET_MS = 120;

  it('cut: nothing arrives and nothing is lost', async () => {
    const { proxy, client, seen, hears } = await echo();
    proxy.cut();
    client.write('two');
    await throughout('nothing arrives', QUIET_MS, () => seen.text === 'one' && !seen.closed);
    proxy.heal();
    await hears('onetwo');
  });

  it('cutOneWay: the request arrives, the answer does not', async () => {
    const { proxy, client, seen, hears } = await echo();
    proxy.cutOneWay('down');
    client.write('two');
    await throughout('no answer arrives', QUIET_MS, () => seen.text === 'one');
    proxy.heal();
    await hears('two');
  });

  it('delay: both ways add up', async () => {
    const { proxy, client, hears } = await echo();
    proxy.delay(60);
    const started = performance.now();
    client.write('two');
    await hears('two');
    expect(performance.now() - started).toBeGreaterThan(115);
  });

  it('reset: the connection breaks, a new one is served', async () => {
    const { proxy, seen } = await echo();
    proxy.reset();
    await until('the client sees the reset', () => seen.closed);
    const again = connect(proxy.port, '127.0.0.1');
    opened.push(again);
    again.write('x');
    const [data] = await once(again, 'data');
    expect(String(data)).toBe('x');
  });

  it('loss with resets: breaks after some bytes; limit: takes its time', async () => {
    const { proxy, client, seen } = await echo();
    proxy.limit(100_000);
    const started = performance.now();
    client.write('x'.repeat(20_000));
    await until('the echo', () => seen.text.length === 20_003, { intervalMs: 5 });
    expect(performance.now() - started).toBeGreaterThan(190);
    proxy.heal();
    proxy.loss({ chance: 0.2, stallMs: 5, resetAfterBytes: 50_000 });
    const pump = setInterval(() => client.writable && client.write('y'.repeat(10_000)), 5);
    await until('the loss breaks the connection', () => seen.closed).finally(() => clearInterval(pump));
  });

  it('mirrors: refuses as long as the target does, before it tells of its end', async () => {
    const port = await freePorts([0, 1]);
    const sockets = new Set<Socket>();
    const target = createServer((socket) => sockets.add(socket.on('error', () => {})));
    opened.push(target);
    target.listen(port, '127.0.0.1');
    await once(target, 'listening');
    proxy = await TcpProxy.start({ target: { port }, port: port + 1, mirrors: true });
    const dial = () => {
      const client = connect(port + 1, '127.0.0.1');
      opened.push(client);
      return new Promise<string>((resolve) => {
        client.once('connect', () => resolve('connected'));
        client.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
        client.once('close', () => resolve('closed'));
      });
    };
    const first = connect(port + 1, '127.0.0.1').on('error', () => {});
    opened.push(first);
    await until('the target has the connection', () => sockets.size === 1, { intervalMs: 5 });
    target.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await until('the client hears of it', () => first.closed, { intervalMs: 1 });
    expect(await dial()).toBe('ECONNREFUSED');
    target.listen(port, '127.0.0.1');
    await until('the proxy takes connections again', async () => (await dial()) === 'connected');
  });

  it('back-pressure: a target that does not read stops the sender', async () => {
    const { proxy, client } = await echo();
    proxy.cutOneWay('up');
    // More than the proxy and the kernel's socket buffers (some MB) hold.
    client.write(Buffer.alloc(64 * 1024 * 1024));
    await throughout('the sender keeps bytes', QUIET_MS, () => client.writableLength > 0);
    expect(proxy.connections).toBe(1);
  });
});

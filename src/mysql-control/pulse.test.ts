import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { throughout, until } from '../../test/kit/until.js';
import { Pulse } from './pulse.js';

let directory: string;
let socketPath: string;
let pulse: Pulse;
let server: Server | null = null;
const sockets: Socket[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-pulse-'));
  socketPath = join(directory, 's.sock');
  pulse = new Pulse({ socketPath, user: 'skein', password: 'p' });
});

afterEach(async () => {
  pulse.stop();
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  server = null;
  rmSync(directory, { recursive: true, force: true });
});

async function listen(taken: (socket: Socket) => void): Promise<void> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    taken(socket);
  });
  await new Promise<void>((resolve) => server?.listen(socketPath, resolve));
}

/** ER_CON_COUNT_ERROR, as a server without room for a session greets. */
const TOO_MANY = Buffer.from([0x17, 0, 0, 0, 0xff, 0x10, 0x04, ...Buffer.from('Too many connections')]);

it.each<[what: string, taken: (socket: Socket) => void]>([
  ['greets', (socket) => void socket.write('hello')],
  ['hangs up', (socket) => void socket.end()],
])('a server that %s at its door shows that it runs', async (_what, taken) => {
  await listen(taken);
  pulse.knock();
  await until('the sign is seen', () => pulse.signs === 1);
  expect(pulse.isClosed).toBe(false);
});

it('a refused login is an answer', async () => {
  await listen((socket) => socket.write(TOO_MANY));
  pulse.ask();
  await until('the sign is seen', () => pulse.signs === 1);
});

it('a server that accepts and says nothing gives no sign, and is not closed', async () => {
  await listen(() => {});
  pulse.knock();
  pulse.knock();
  pulse.ask();
  // The login gives up after five seconds, which is no sign either.
  await throughout('no sign is seen', 6_000, () => pulse.signs === 0 && !pulse.isClosed);
  expect(sockets.length).toBe(2);
});

it('a socket at which nobody listens belongs to a server that is starting or ending', async () => {
  pulse.knock();
  await until('it is closed', () => pulse.isClosed);
  expect(pulse.signs).toBe(0);
  await listen((socket) => void socket.write('hello'));
  pulse.knock();
  await until('it is open', () => !pulse.isClosed && pulse.signs === 1);
});

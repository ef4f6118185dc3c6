import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import { ORIGIN } from '../model/position.js';
import { encodeGreeting } from '../mysql-protocol/login.js';
import { nativePassword } from '../mysql-protocol/login-method.js';
import { OK_PAYLOAD, PacketSplitter, packet } from '../mysql-protocol/packets.js';
import { silentLogger } from '../std/logger.js';
import { Source } from './source.js';

let directory = '';
let server: Server | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-dump-'));
});
afterAll(async () => {
  server?.close();
  await rm(directory, { recursive: true, force: true });
});

/** A server that answers this many packets of the conversation with OK, and dies with its last answer. */
function dyingServer(socketPath: string, answers: number): Promise<Server> {
  const converse = (socket: Socket) => {
    const splitter = new PacketSplitter();
    let left = answers;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      splitter.push(chunk);
      while (splitter.next()) {
        socket.write(packet(splitter.sequence + 1, OK_PAYLOAD));
        if (--left === 0) socket.destroy();
      }
    });
    const nonce = Buffer.alloc(20, 1);
    const greeting = {
      serverVersion: '10.11.0-MariaDB',
      connectionId: 1,
      nonce,
      plugin: nativePassword.plugin,
    };
    socket.write(packet(0, encodeGreeting(greeting, 0)));
  };
  return new Promise((resolve) => {
    const listening = createServer(converse);
    listening.listen(socketPath, () => resolve(listening));
  });
}

it('a server that dies at any step of the conversation is an error of the dump, and does not end the process', async () => {
  const after = { epoch: 0, ordinal: 0, gtid: '' };
  const conversation = mariadb.dumpConversation({
    serverId: 1,
    after: ORIGIN,
    chain: [],
    semiSync: true,
    heartbeatMs: 1000,
  });
  const steps = 1 + conversation.queries.length + conversation.commands.length - 1;
  for (let answers = 1; answers <= steps; answers++) {
    for (let round = 0; round < 10; round++) {
      const socketPath = join(directory, `${answers}-${round}.sock`);
      server = await dyingServer(socketPath, answers);
      const source = new Source(
        { target: { socketPath, user: 'u', password: 'p' }, serverId: 1, after, semiSync: true },
        { flavour: mariadb, logger: silentLogger, chain: () => [epochEntry(1, ORIGIN)], batch: () => true },
      );
      const ended = new Promise((resolve) => source.onEnded.on(resolve));
      const error = await source.start().then(
        () => ended,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: expect.stringMatching(/^DUMP_(UNREACHABLE|ENDED)$/) });
      server.close();
    }
  }
});

import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../../../test/kit/until.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { Cancellation } from '../../std/cancellation.js';
import type { HandlerModules, HandlerRequest } from './context.js';
import { handleDump } from './dump.js';

it('a dump whose client had gone before its first byte ends, and gives its place back', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'skein-dump-'));
  const dumpProgram = join(directory, 'dump');
  // It has more to say than the pipe takes.
  await writeFile(dumpProgram, '#!/bin/sh\nexec yes "INSERT INTO t VALUES (1);"\n');
  await chmod(dumpProgram, 0o755);
  const openStreams = new Set<() => void>();
  const modules = {
    openStreams,
    node: { flavour: mariadb },
    systemTable: {
      reader: { query: async () => [{ name: 'shop' }] },
      access: () => ({ dumpProgram, socketPath: '', passwordOf: () => '' }),
    },
  } as unknown as HandlerModules;
  const ended: unknown[] = [];
  const handle = async (response: ServerResponse) => {
    const gone = new Cancellation();
    await once(response, 'close');
    gone.cancel();
    const request = { query: {}, gone, openStream: () => response } as unknown as HandlerRequest;
    ended.push(await Promise.resolve(handleDump(request, modules)).catch((error: unknown) => error));
  };
  const server = createServer((_, response) => void handle(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    // More than can be made at a time.
    for (let client = 1; client <= 4; client++) {
      const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
      request.on('error', () => {});
      await once(server, 'request');
      request.destroy();
      await until(`dump ${client} has ended`, () => ended.length === client);
    }
    expect(ended.map((error) => (error as { code?: string }).code)).not.toContain('SERVER_BUSY');
    expect(openStreams.size).toBe(0);
  } finally {
    for (const end of openStreams) end();
    server.close();
    await rm(directory, { recursive: true });
  }
});

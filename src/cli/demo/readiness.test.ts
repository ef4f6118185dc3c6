import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { notReadyBecause } from './readiness.js';

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** What stands at the port, and what the demo makes of it. */
async function asked(status: number, body: string, pid = process.pid): Promise<string | null> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { connection: 'close' }).end(body);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const node = { name: 'n2', cluster: 'demo', url: `http://127.0.0.1:${port}`, port, pid: () => pid };
  return await notReadyBecause(node, new AbortController().signal);
}

const body = (fields: object) => JSON.stringify({ node: 'n2', cluster: 'demo', ...fields });

it('is ready when the node itself says so', async () => {
  expect(await asked(200, body({ state: 'live' }))).toBeNull();
});

it('tells the reason of a node that is not ready', async () => {
  expect(await asked(503, body({ state: 'joining', reason: 'The server is starting.' }))).toBe(
    'The server is starting.',
  );
  expect(await asked(502, 'Bad Gateway')).toBe('it answers 502');
});

it.each([
  ['another program', 'OK'],
  ['a program that answers JSON', 'null'],
  ['another node', body({ node: 'n1' })],
  ['a node of another cluster', body({ cluster: 'shop' })],
])('does not take %s for the node', async (_who, answer) => {
  expect(await asked(200, answer)).toMatch(/is answered by something else, not by n2 of demo$/);
});

it.runIf(process.platform === 'linux')(
  'does not take the same node of another demo for its own',
  async () => {
    expect(await asked(200, body({}), process.pid + 1)).toContain(`is answered by process ${process.pid} (`);
  },
);

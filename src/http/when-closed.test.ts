import { once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { EventRing } from '../events/event-ring.js';
import { streamEvents } from './event-stream.js';
import { streamLines } from './line-stream.js';

let close: (() => void) | null = null;
afterEach(() => close?.());

/** The answer to a client that has hung up before it began. */
async function closedAnswer(): Promise<ServerResponse> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = () => server.close();
  const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  request.on('error', () => {});
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  request.destroy();
  if (!response.closed) await once(response, 'close');
  return response;
}

it('a stream whose client had gone before it began listens to nothing', async () => {
  const response = await closedAnswer();
  let listeners = 0;
  const subscribe = () => {
    listeners++;
    return () => void listeners--;
  };
  streamLines(response, {
    first: async () => ({ lines: [], isCut: false }),
    subscribe,
    matches: () => true,
  });
  expect(listeners).toBe(0);
  streamEvents(response, { since: () => new EventRing().since(0), subscribe }, null);
  expect(listeners).toBe(0);
});

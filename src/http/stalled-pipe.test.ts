import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { pipeUntilStalled } from './stalled-pipe.js';

const CHUNK = Buffer.alloc(64 * 1024);
const STALLED_MS = 300;
/** For a client that is not to be cut: both ends are in this process, which may stand still for a while. */
const PATIENT_MS = 1_500;

let close: (() => void) | null = null;
afterEach(() => close?.());

/** A client of a server that pipes `source` into its one answer. */
async function ask(
  source: Readable,
  stalledMs = STALLED_MS,
): Promise<{ response: ServerResponse; incoming: IncomingMessage }> {
  let answer: ServerResponse | null = null;
  const server = createServer((_, response) => {
    answer = response;
    response.flushHeaders();
    pipeUntilStalled(source, response, stalledMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  request.on('error', () => {});
  const [incoming] = (await once(request, 'response')) as [IncomingMessage];
  incoming.on('error', () => {});
  return { response: answer as unknown as ServerResponse, incoming };
}

function* endless() {
  for (;;) yield CHUNK;
}

it('cuts a client that takes nothing', async () => {
  const { response, incoming } = await ask(Readable.from(endless()));
  incoming.pause();
  const began = performance.now();
  if (!response.closed) await once(response, 'close', { signal: AbortSignal.timeout(45_000) });
  // Timers may fire a millisecond early; the pause may have come before the clock was read.
  expect(performance.now() - began).toBeGreaterThan(STALLED_MS / 2);
});

it('leaves a client alone that reads, and one whose source has nothing to say', async () => {
  const source = new Readable({ read() {} });
  const { response, incoming } = await ask(source, PATIENT_MS);
  let taken = 0;
  incoming.on('data', (bytes: Buffer) => {
    taken += bytes.length;
  });
  // Each burst fills the answer, so that the source is paused; then the source is quiet for longer than the limit.
  for (let burst = 1; burst <= 3; burst++) {
    for (let i = 0; i < 50; i++) source.push(CHUNK);
    const all = burst * 50 * CHUNK.length;
    while (taken < all) await once(incoming, 'data', { signal: AbortSignal.timeout(45_000) });
    await new Promise((resolve) => setTimeout(resolve, PATIENT_MS + 50));
  }
  expect(response.destroyed).toBe(false);
});

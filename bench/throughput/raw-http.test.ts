import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { RawHttp } from './raw-http.js';

const LARGE = 3_000_000;

describe('RawHttp', () => {
  const server = createServer();
  afterEach(() => {
    server.removeAllListeners('request');
    server.closeAllConnections();
    server.close();
  });

  async function open(listener: RequestListener): Promise<RawHttp> {
    server.on('request', listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return RawHttp.open({ port, path: '/', token: null });
  }

  it('takes small and large answers by turns, and sends texts and bytes', async () => {
    const bodies: number[] = [];
    const client = await open((request, response) => {
      let length = 0;
      request.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      request.on('end', () => {
        bodies.push(length);
        response.end(Buffer.alloc(bodies.length % 2 === 0 ? LARGE : 10));
      });
    });
    for (const body of ['abc', Buffer.alloc(LARGE), '', 'abcd']) await client.post(body);
    expect(bodies).toEqual([3, LARGE, 0, 4]);
    expect(client.bytesReceived).toBeGreaterThan(2 * LARGE);
    client.close();
  });

  it('rejects with the text of an error, and goes on', async () => {
    let status = 503;
    const client = await open((_request, response) => {
      response.statusCode = status;
      response.end('{"code":"NODE_BUSY"}');
      status = 200;
    });
    await expect(client.post('a')).rejects.toThrow('NODE_BUSY');
    await client.post('b');
    client.close();
  });

  it('rejects when the connection ends in the middle of an answer', async () => {
    const client = await open((_request, response) => {
      response.setHeader('content-length', LARGE);
      response.write(Buffer.alloc(100), () => response.destroy());
    });
    await expect(client.post('a')).rejects.toThrow('closed');
  });
});

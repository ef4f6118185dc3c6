import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { isPortFree, portOwner } from './port-owner.js';

it('tells whether a port is taken, and by whom', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await isPortFree('127.0.0.1', port)).toBe(false);
  if (process.platform === 'linux') expect(portOwner(port)?.pid).toBe(process.pid);
  server.close();
  await once(server, 'close');
  expect(await isPortFree('127.0.0.1', port)).toBe(true);
  expect(portOwner(port)).toBeNull();
});

/** Where the thread of the client plane begins; see node/client-plane-host.ts for the other side. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ClientPlaneData, errorData, type ToClients, type ToNode } from '../planes/messages.js';
import { ClientPlane } from './client-plane.js';

if (parentPort === null) throw new Error('The client plane runs in a thread of a node.');
const port = parentPort;
const send = (message: ToNode) => port.postMessage(message);

try {
  const plane = await ClientPlane.create(workerData as ClientPlaneData, { send });
  port.on('message', (message: ToClients) => plane.received(message));
  await plane.start();
  send({ kind: 'started' });
} catch (error) {
  send({ kind: 'failed', error: errorData(error) });
}

/** A client plane that serves nobody and does as a test says. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ToClients, ToNode } from '../../../src/planes/messages.js';
import { StateReader } from '../../../src/planes/shared-state.js';

export interface FakePlaneData {
  readonly memory: SharedArrayBuffer;
  /** What it does. `deaf`: it turns, and does nothing that it is told. */
  readonly behaviour: 'good' | 'deaf' | 'hangs' | 'throws' | 'port taken';
}

const { memory, behaviour } = workerData as FakePlaneData;
const port = parentPort;
if (port === null) throw new Error('no thread');
const send = (message: ToNode) => port.postMessage(message);
const state = new StateReader(memory);
setInterval(() => state.turn({ readWrite: 3, readOnly: 4 }), 10);
port.on('message', (message: ToClients) => {
  if (behaviour === 'deaf') return;
  if (message.kind === 'order') send({ kind: 'done', id: message.id });
  if (message.kind === 'audit') send({ kind: 'audited', number: message.line.number });
  if (message.kind === 'event' && message.event.data.subject === 'ask')
    send({ kind: 'ask', id: 7, what: 'status' });
  if (message.kind === 'answer')
    send({ kind: 'log', lines: [JSON.stringify(message.answer)], urgent: false });
});
if (behaviour === 'port taken') {
  send({ kind: 'failed', error: { code: 'PORT_TAKEN', message: 'HTTP port 1 is taken.', data: {} } });
} else {
  state.turn(null);
  send({ kind: 'started' });
  if (behaviour === 'hangs')
    setTimeout(() => {
      for (;;);
    }, 20);
  if (behaviour === 'throws')
    setTimeout(() => {
      throw new Error('a fault of the client plane');
    }, 20);
}

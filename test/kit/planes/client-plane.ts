/** A client plane that serves nobody and does as a test says. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromHttp, FromPlane, PlaneEnds, ToHttp, ToMysql } from '../../../src/planes/messages.js';
import { PlaneSignals } from '../../../src/planes/plane-signals.js';

export interface FakePlaneData extends Pick<PlaneEnds, 'signals'> {
  /** What it does. `deaf`: it turns, and does nothing that it is told. */
  readonly behaviour: 'good' | 'deaf' | 'hangs' | 'hangs at orders' | 'throws' | 'port taken';
}

const { signals, behaviour } = workerData as FakePlaneData;
const port = parentPort;
if (port === null) throw new Error('no thread');
const send = (message: FromPlane | FromHttp) => port.postMessage(message);
const own = new PlaneSignals(signals);
setInterval(() => own.turn({ readWrite: 3, readOnly: 4 }), 10);
port.on('message', (message: ToHttp | ToMysql) => {
  if (behaviour === 'deaf') return;
  if (message.kind === 'order' && behaviour === 'hangs at orders') for (;;);
  if (message.kind === 'order') {
    const value = message.order === 'measure' ? { text: 'figures\n', thread: { name: 'fake' } } : undefined;
    send({ kind: 'done', id: message.id, value });
  }
  if (message.kind === 'audit') send({ kind: 'audited', number: message.line.number });
  if (message.kind === 'event' && message.event.data.subject === 'ask')
    send({ kind: 'ask', id: 7, what: 'status' });
  if (message.kind === 'answer' || message.kind === 'cutSessions')
    send({ kind: 'log', lines: [JSON.stringify(message)], urgent: false });
});
if (behaviour === 'port taken') {
  send({ kind: 'failed', error: { code: 'PORT_TAKEN', message: 'HTTP port 1 is taken.', data: {} } });
} else {
  own.turn(null);
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

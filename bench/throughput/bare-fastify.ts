/** A process that only answers: Fastify with a handler that returns a constant. Tells its parent the port. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';

/** As long as the answer to a point SELECT. */
const ANSWER = { answer: 'x'.repeat(600) };

const app = Fastify({ logger: false });
app.post('/', () => ANSWER);
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.((app.server.address() as AddressInfo).port);
process.once('disconnect', () => process.exit());

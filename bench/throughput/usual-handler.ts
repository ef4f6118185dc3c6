/**
 * A process with what an application would use instead of `/v1/sql`: a Fastify handler that executes a prepared statement in
 * a mysql2 pool and answers with its rows. Without tokens, log or audit trail. The first message says where the server is;
 * it tells its parent the port.
 */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import mysql, { type PoolOptions } from 'mysql2/promise';

process.once('message', async (server: PoolOptions) => {
  const pool = mysql.createPool(server);
  const app = Fastify({ logger: false });
  app.post<{ Body: { sql: string; params: (number | string)[] } }>('/', async ({ body }) => {
    const [rows] = await pool.execute(body.sql, body.params);
    return { rows };
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  process.send?.((app.server.address() as AddressInfo).port);
});
process.once('disconnect', () => process.exit());

import { expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { Connection } from '../mysql-client/connection.js';
import { AppliedWait } from './applied-wait.js';

/** What is asked of a session that is destroyed meanwhile fails. */
class Server {
  readonly flavour = mariadb;
  position = '0-1-5';
  silent = false;
  asked = false;
  readonly connect = async () => {
    let fail = (_: Error) => {};
    return {
      broken: null,
      query: () => {
        this.asked = true;
        if (!this.silent) return Promise.resolve([[this.position]]);
        return new Promise((_, reject) => {
          fail = reject;
        });
      },
      destroy: () => fail(new Error('the session was closed')),
    } as unknown as Connection;
  };
}

it('tells when a position is reached, and when it was not in time', async () => {
  const server = new Server();
  const applied = new AppliedWait(server);
  expect(await applied.wait(5, 1_000)).toBe(true);
  expect(await applied.wait(6, 20)).toBe(false);
});

it('asks nothing for the beginning of the history', async () => {
  const server = new Server();
  expect(await new AppliedWait(server).wait(0, 1_000)).toBe(true);
  expect(server.asked).toBe(false);
});

it('goes on with the next server when one dies while it is asked', async () => {
  const server = new Server();
  const applied = new AppliedWait(server);
  server.silent = true;
  const early = applied.wait(6, 5_000);
  await until('the question is under way', () => server.asked);
  applied.serverDown();
  server.silent = false;
  server.position = '0-1-7';
  expect(await early).toBe(true);
  expect(await applied.wait(7, 1_000)).toBe(true);
});

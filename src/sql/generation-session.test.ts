import { expect, it } from 'vitest';
import type { ServerAccess } from '../api/node-view.js';
import type { Connection } from '../mysql-client/connection.js';
import { GenerationSession } from './generation-session.js';

const access = (generation: string) => ({ generation }) as ServerAccess;

/** A server that lets in when the test says; each connection knows whether it was closed. */
function server() {
  const logins: ((error?: Error) => void)[] = [];
  const made: { broken: Error | null; destroy(): void }[] = [];
  const connect = () =>
    new Promise<Connection>((resolve, reject) => {
      logins.push((error) => {
        if (error) return reject(error);
        const connection = {
          broken: null as Error | null,
          destroy() {
            this.broken = new Error('closed');
          },
        };
        made.push(connection);
        resolve(connection as Connection);
      });
    });
  return { logins, made, session: new GenerationSession(connect) };
}

it('who asks while it logs in gets the same session', async () => {
  const { logins, session } = server();
  const both = [session.get(access('1')), session.get(access('1'))];
  expect(logins).toHaveLength(1);
  logins[0]?.();
  const [one, other] = await Promise.all(both);
  expect(one).toBe(other);
  expect(await session.get(access('1'))).toBe(one);
});

it('the session of an earlier generation is closed, also when it comes late', async () => {
  const { logins, made, session } = server();
  const first = session.get(access('1'));
  const second = session.get(access('2'));
  logins[1]?.();
  logins[0]?.();
  await Promise.all([first, second]);
  expect(made.map(({ broken }) => broken !== null)).toEqual([false, true]);
  session.close();
  await Promise.resolve();
  expect(made.every(({ broken }) => broken !== null)).toBe(true);
});

it('another one is opened after it broke, or was refused', async () => {
  const { logins, made, session } = server();
  const refused = session.get(access('1'));
  logins[0]?.(new Error('too many connections'));
  await expect(refused).rejects.toThrow('too many connections');
  const first = session.get(access('1'));
  logins[1]?.();
  await first;
  made[0]?.destroy();
  void session.get(access('1'));
  expect(logins).toHaveLength(3);
});

import { expect, it } from 'vitest';
import type { Connection } from './connection.js';
import { KeptSession } from './kept-session.js';
import { ServerError } from './replies.js';

interface FakeSession {
  readonly id: number;
  broken: Error | null;
}

function kept(connectFails: (attempt: number) => Error | null = () => null) {
  const opened: FakeSession[] = [];
  let attempts = 0;
  const session = new KeptSession(async () => {
    const error = connectFails(++attempts);
    if (error) throw error;
    const made: FakeSession & { destroy(): void } = {
      id: opened.length + 1,
      broken: null,
      destroy() {
        made.broken = new Error('the session was closed');
      },
    };
    opened.push(made);
    return made as unknown as Connection;
  });
  const id = () => session.use(async (connection) => (connection as unknown as FakeSession).id);
  const fail = (error: Error) =>
    session.use(async () => {
      throw error;
    });
  return { session, opened, id, fail };
}

const refusal = new ServerError(1064, '42000', 'You have an error in your SQL syntax');

it('keeps one session, also after a refusal of the server', async () => {
  const { opened, id, fail } = kept();
  expect(await Promise.all([id(), id()])).toEqual([1, 1]);
  await expect(fail(refusal)).rejects.toBe(refusal);
  expect(await id()).toBe(1);
  expect(opened).toHaveLength(1);
});

it('closes the session after anything else, and opens another', async () => {
  const { opened, id, fail } = kept();
  await expect(fail(new Error('not done after 10000 ms'))).rejects.toThrow('not done');
  expect(opened[0]?.broken).not.toBeNull();
  expect(await id()).toBe(2);
});

it('does not ask in a session that broke meanwhile', async () => {
  const { opened, id } = kept();
  await id();
  if (opened[0]) opened[0].broken = new Error('the server closed the connection');
  expect(await id()).toBe(2);
});

it('dials again after a login that the server refused', async () => {
  const { id } = kept((attempt) => (attempt === 1 ? refusal : null));
  await expect(id()).rejects.toBe(refusal);
  expect(await id()).toBe(1);
});

it('a session that is dropped while it is dialled is closed, and no other is opened for it', async () => {
  const { session, opened } = kept();
  const asked = session.use(async () => 'asked');
  session.drop();
  await asked;
  expect(opened.map(({ broken }) => broken?.message)).toEqual(['the session was closed']);
});

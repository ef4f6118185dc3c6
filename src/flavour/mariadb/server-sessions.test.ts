import { expect, it } from 'vitest';
import { closeSessions } from './server-sessions.js';

interface Session {
  user: string;
  host: string;
  command?: string;
}

/** A server's list of sessions; `looked` runs before each look at it. */
function server(sessions: Map<number, Session>, looked: (look: number) => void = () => {}) {
  const killed: number[] = [];
  let looks = 0;
  const query = async (sql: string) => {
    const id = Number(/^KILL (\d+)$/.exec(sql)?.[1]);
    if (id > 0) {
      killed.push(id);
      sessions.delete(id);
      return [];
    }
    looked(++looks);
    return [...sessions]
      .filter(([, { user, command }]) => user !== 'skein_repl' && command !== 'Binlog Dump')
      .map(([id, { user, host }]) => ({
        id: String(id),
        logs_in: user === 'unauthenticated user' && host === 'localhost' ? '1' : '0',
      }));
  };
  return { query, killed };
}

const LOGIN = { user: 'unauthenticated user', host: 'localhost' };

it('does not kill a session that becomes a dump, and kills the others', async () => {
  const sessions = new Map<number, Session>([
    [7, { user: 'app', host: '127.0.0.1:1' }],
    [8, LOGIN],
    [9, LOGIN],
    [10, { user: 'unauthenticated user', host: '127.0.0.1:2' }],
    [11, LOGIN],
  ]);
  const { query, killed } = server(sessions, (look) => {
    if (look !== 3) return;
    sessions.set(8, { user: 'skein_repl', host: 'localhost' });
    sessions.set(9, { user: 'skein_write', host: 'localhost' });
    sessions.delete(11);
  });
  await closeSessions(query);
  expect(killed).toEqual([7, 10, 9]);
  expect([...sessions.keys()]).toEqual([8]);
});

it('kills a session that does not log in', async () => {
  const sessions = new Map<number, Session>([[8, LOGIN]]);
  const { query, killed } = server(sessions);
  await closeSessions(query);
  expect(killed).toEqual([8]);
});

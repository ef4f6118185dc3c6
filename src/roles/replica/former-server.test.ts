import { expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { gtidIn } from '../../../test/kit/gtid.js';
import { throughout, until } from '../../../test/kit/until.js';
import { EventLog } from '../../events/event-log.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { ORIGIN } from '../../model/position.js';
import { silentLogger } from '../../std/logger.js';
import type { LocalServerUp } from '../local-server.js';
import type { NodeParts } from '../role-node.js';
import { FormerServer } from './former-server.js';

const UP: LocalServerUp = {
  ...{ pid: 1, adopted: true, crashed: false, serverId: 1, port: 1, socketPath: '', version: '' },
};

/** A server that stayed open while its node was away. */
function former(closing: Promise<void> = Promise.resolve()) {
  const done: string[] = [];
  const primary = { committed: null as number | null };
  const role = new AbortController();
  let readOnly = false;
  const control = () => ({
    status: async () => ({ readOnly, gtidBinlogPos: gtidIn(1, 5) }),
    closeForWrites: async () => {
      done.push('is being closed');
      await closing;
      readOnly = true;
      done.push('closed');
    },
    becomeReplica: async () => {},
  });
  const parts = {
    ...{
      config: { name: 'n1', directory: '/nowhere' },
      control,
      flavour: mariadb,
      newServerId: async () => 7,
    },
    chainFile: {
      chain: [epochEntry(1, ORIGIN), epochEntry(2, { epoch: 1, ordinal: 5, gtid: gtidIn(1, 5) })],
    },
    openMark: { epoch: 1, doubt: 'it was not compared', clear: async () => void done.push('mark cleared') },
    seeding: {
      need: () => {
        done.push('is to be filled');
        return null;
      },
    },
    events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
    logger: silentLogger,
  };
  const server = new FormerServer(parts as unknown as NodeParts, {
    signal: role.signal,
    committed: () => primary.committed,
    ask: () => false,
    isReplica: async () => void done.push('a replica'),
  });
  return { server, done, primary, role };
}

it('becomes a replica’s when what it has is committed', async () => {
  const { server, done, primary } = former();
  await server.take(UP);
  server.linkUp();
  await until('it was closed', () => done.includes('closed'));
  primary.committed = 5;
  await until('it is a replica’s', () => done.includes('a replica'));
  expect(done).toEqual(['is being closed', 'closed', 'mark cleared', 'a replica']);
});

it('one that was closed in order waits on the next link for the same end, and is not taken for dead', async () => {
  const { server, done, primary } = former();
  await server.take(UP);
  server.linkUp();
  await until('it was closed', () => done.includes('closed'));
  server.linkDown();
  // Said while no link is up: it is another primary's, and counts only on the next link.
  primary.committed = 5;
  await throughout('nothing is decided', 100, () => done.length === 2);
  primary.committed = 4;
  server.linkUp();
  await throughout('it waits', 100, () => done.length === 2);
  primary.committed = 5;
  await until('it is a replica’s', () => done.includes('a replica'));
  expect(done).toEqual(['is being closed', 'closed', 'mark cleared', 'a replica']);
});

it('a server that was started again since it was closed is judged by what is known of it', async () => {
  const { server, done, primary } = former();
  await server.take(UP);
  server.linkUp();
  await until('it was closed', () => done.includes('closed'));
  server.linkDown();
  await throughout('nothing is decided', 100, () => done.length === 2);
  server.serverDown();
  primary.committed = 5;
  await server.take({ ...UP, pid: 2 });
  server.linkUp();
  await until('it is judged', () => done.length > 2);
  expect(done.slice(2)).toEqual(['is to be filled']);
});

it('the role ends only after what changes the server, and nothing is changed later', async () => {
  let close = () => {};
  const { server, done, primary, role } = former(
    new Promise((resolve) => {
      close = resolve;
    }),
  );
  primary.committed = 5;
  await server.take(UP);
  server.linkUp();
  await until('it is being closed', () => done.includes('is being closed'));
  role.abort();
  const ended = server.ended().then(() => done.push('the role has ended'));
  await new Promise((resolve) => setImmediate(resolve));
  close();
  await ended;
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual(['is being closed', 'closed', 'the role has ended']);
});

import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { until } from '../../../test/kit/until.js';
import { EventLog } from '../../events/event-log.js';
import { ORIGIN } from '../../model/position.js';
import { mariadb } from '../../mysql-protocol/mariadb.js';
import { silentLogger } from '../../std/logger.js';
import { CommitWait } from './commit-wait.js';
import { LogDumps } from './log-dumps.js';
import { LogFeed } from './log-feed.js';
import type { ReplicaSet } from './replica-set.js';

it('repeated attempts to start the dump leave no listeners on the role’s signal', async () => {
  let dials = 0;
  const feed = new LogFeed(
    { node: 'n1', acknowledge: 'majority' },
    {
      ...{ logger: silentLogger, commitWait: new CommitWait(() => 0) },
      dumps: new LogDumps(
        { annotateRows: false, user: 'repl', password: '' },
        // No server listens there.
        {
          ...{ logger: silentLogger, flavour: mariadb },
          chain: () => [],
          socketPath: () => '/nowhere/server.sock',
        },
      ),
      events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
      replicas: () =>
        ({ quorum: { answered: 0 }, hub: { begin: () => void dials++ } }) as unknown as ReplicaSet,
      ownLog: () => ({ end: ORIGIN, take: () => true }),
      positionAt: (ordinal) => ({ epoch: 1, ordinal, gtid: '' }),
      statement() {},
      stopped() {},
    },
  );
  const role = new AbortController();
  feed.run(role.signal);
  try {
    await until('it was dialled three times', () => dials >= 3);
    expect(getEventListeners(role.signal, 'abort').length).toBeLessThan(3);
  } finally {
    role.abort();
    feed.stop();
  }
});

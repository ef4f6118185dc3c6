import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { until } from '../../../test/kit/until.js';
import { EventLog } from '../../events/event-log.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { SkeinError } from '../../model/error.js';
import { ORIGIN } from '../../model/position.js';
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
      hung() {},
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

it('dials with another id after a dump that sent nothing at all, and says after two that the server hangs', async () => {
  const ends = ['DUMP_SILENT', 'DUMP_ENDED', 'DUMP_SILENT', 'DUMP_SILENT', 'DUMP_ENDED'];
  const otherIds: boolean[] = [];
  const dump = (_after: unknown, { otherId }: { otherId: boolean }) => ({
    onEnded: { on: () => {} },
    start: () => Promise.reject(new SkeinError(ends[otherIds.push(otherId) - 1] ?? '', 'It ended.')),
    acknowledge() {},
    stop() {},
  });
  const hung: string[] = [];
  const feed = new LogFeed(
    { node: 'n1', acknowledge: 'majority' },
    {
      ...{ logger: silentLogger, commitWait: new CommitWait(() => 0) },
      dumps: { dump } as unknown as LogDumps,
      events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
      replicas: () => ({ quorum: { answered: 0 }, hub: { begin: () => {} } }) as unknown as ReplicaSet,
      ownLog: () => ({ end: ORIGIN, take: () => true }),
      positionAt: (ordinal) => ({ epoch: 1, ordinal, gtid: '' }),
      statement() {},
      stopped() {},
      hung: (reason) => void hung.push(reason),
    },
  );
  const role = new AbortController();
  feed.run(role.signal);
  try {
    await until('it was said', () => hung.length > 0);
    expect(hung).toEqual(['2 dumps of its binary log sent nothing']);
    expect(otherIds).toEqual([false, true, false, true]);
  } finally {
    role.abort();
    feed.stop();
  }
});

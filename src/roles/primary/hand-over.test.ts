import { expect, it } from 'vitest';
import { EventLog } from '../../events/event-log.js';
import { SkeinError } from '../../model/error.js';
import { mariadb } from '../../mysql-protocol/mariadb.js';
import type { Spool } from '../../spool/spool.js';
import { silentLogger } from '../../std/logger.js';
import type { Epochs } from '../epochs.js';
import type { LocalControl } from '../local-server.js';
import { HandOver } from './hand-over.js';
import type { ReplicaSet } from './replica-set.js';

const GTID = '0-1000002-7';
const waiting = () => new SkeinError('COMMITS_WAITING', '1 commit(s) wait for their quorum.');

/** An open primary whose log ends at number 7. Every step succeeds, unless the test gives other behaviour. */
function primary(
  over: {
    close?: () => Promise<void>;
    committed?: () => number;
    applied?: () => number;
    ownDurable?: () => number;
  } = {},
  maxMs = 60,
) {
  const said: string[] = [];
  let isUp = true;
  const control: Partial<LocalControl> = {
    closeForWrites: async () => {
      await over.close?.();
      said.push('closed for writes');
    },
    status: async () => ({ gtidBinlogPos: GTID }) as never,
    becomeReplica: async ({ serverId, position }) => void said.push(`replica ${serverId} at ${position}`),
  };
  const spool = {
    get durable() {
      return { epoch: 2, ordinal: over.ownDurable?.() ?? 7, gtid: GTID };
    },
    setCommitted: (ordinal: number) => void said.push(`committed ${ordinal}`),
  };
  const handOver = new HandOver(
    { node: 'n1', closingMaxMs: maxMs, targetMaxMs: maxMs },
    {
      logger: silentLogger,
      events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
      flavour: mariadb,
      spool: spool as unknown as Spool,
      epochs: {
        positionOf: (gtid: string) => ({ epoch: 2, ordinal: mariadb.ordinalOf(gtid), gtid }),
        positionAt: (ordinal: number) => ({ epoch: 2, ordinal, gtid: `0-1000002-${ordinal}` }),
      } as unknown as Epochs,
      replicas: {
        quorum: {
          get committed() {
            return over.committed?.() ?? 7;
          },
        },
        hasApplied: (_: string, ordinal: number) => (over.applied?.() ?? 7) >= ordinal,
      } as unknown as ReplicaSet,
      control: () => control as LocalControl,
      isUp: () => isUp,
      cutClients: async () => void said.push('clients cut'),
      newServerId: async () => 2_000_000_001,
      endSessions: () => void said.push('sessions ended'),
      kill: async () => void said.push('killed'),
    },
  );
  return { said, handOver, die: () => (isUp = false) };
}

it('ends sessions and dumps, notes that all of the spool is committed, and then turns the server into a replica', async () => {
  const { said, handOver } = primary();
  await handOver.run('n2');
  expect(said).toEqual([
    'clients cut',
    'closed for writes',
    'sessions ended',
    'committed 7',
    `replica 2000000001 at ${GTID}`,
    'sessions ended',
  ]);
});

it('repeats the close while transactions are under way, and waits for the quorum and for the next primary', async () => {
  let closes = 0;
  let committed = 5;
  let applied = 4;
  const { said, handOver } = primary(
    {
      close: async () => {
        if (++closes < 3) throw waiting();
      },
      committed: () => committed++,
      applied: () => (committed > 7 ? applied++ : 0),
    },
    10_000,
  );
  await handOver.run('n2');
  expect(closes).toBe(3);
  expect(said).toContain(`replica 2000000001 at ${GTID}`);
  expect(applied).toBeGreaterThanOrEqual(7);
});

it('kills the server, without changing its settings, when a commit still waits at the time limit (rule C1)', async () => {
  const { said, handOver } = primary({
    close: async () => {
      throw waiting();
    },
  });
  await handOver.run('n2');
  expect(said).toEqual(['clients cut', 'sessions ended', 'killed']);
});

it.each([
  ['no quorum receives the whole log', { committed: () => 6 }],
  ['its own spool does not have the whole log', { ownDurable: () => 6 }],
])('kills the server when %s in time', async (_, over) => {
  const { said, handOver } = primary(over);
  await handOver.run('n2');
  expect(said).toEqual(['clients cut', 'closed for writes', 'sessions ended', 'killed']);
});

it('does not wait forever for a next primary that does not apply the log', async () => {
  const { said, handOver } = primary({ applied: () => 6 });
  await handOver.run('n2');
  expect(said).toContain(`replica 2000000001 at ${GTID}`);
  expect(said).not.toContain('killed');
});

it('ends when the server dies', async () => {
  const { said, handOver, die } = primary({ committed: () => 6 });
  const run = handOver.run('n2');
  die();
  await run;
  expect(said.filter((what) => what !== 'closed for writes')).toEqual(['clients cut', 'sessions ended']);
});

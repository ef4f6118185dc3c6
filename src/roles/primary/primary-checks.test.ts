import { afterEach, expect, it, vi } from 'vitest';
import type { AuditFields } from '../../audit/audit-trail.js';
import { EventLog } from '../../events/event-log.js';
import { silentLogger } from '../../std/logger.js';
import type { ServerReading } from '../local-server.js';
import type { LogEndFile } from '../log-end-file.js';
import type { XaRecovery } from '../xa-recovery.js';
import { PrimaryChecks } from './primary-checks.js';
import type { ReplicaSet } from './replica-set.js';

afterEach(() => vi.useRealTimers());

const reading = (over: Partial<ServerReading> = {}) =>
  ({
    ...{ syncBinlog: 1, flushAtTrxCommit: 1, batchesCommits: false },
    semiSync: { enabled: true, clients: 1, waitSessions: 0, noTx: 0 },
    ...over,
  }) as ServerReading;

/** An open primary whose spool has 9 groups. 7 of them are committed, and the disk has those up to `durable`. */
function primary(durable: number) {
  vi.useFakeTimers({ toFake: ['performance'] });
  vi.advanceTimersByTime(60_000);
  const said: string[] = [];
  const audit = { add: ({ event, code }: AuditFields) => void said.push(`${event} ${code}`) };
  const events = new EventLog({ node: 'n1' }, { logger: silentLogger, audit });
  const purged: number[] = [];
  const checks = new PrimaryChecks(
    { node: 'n1', acknowledge: 'majority' },
    {
      ...{ logger: silentLogger, events },
      logEndFile: { note: () => {} } as unknown as LogEndFile,
      xa: { advance: async () => {} } as unknown as XaRecovery,
      spool: {
        committed: () => 7,
        durable: { epoch: 1, ordinal: durable, gtid: '' },
        purge: async (below) => void purged.push(below),
      },
      openMark: { doubtful: async (reason) => void said.push(reason) },
      replicas: { quorum: { committed: 7, answered: 7 } } as unknown as ReplicaSet,
      control: () => expect.unreachable('nothing is asked of the server'),
      positionAt: (ordinal) => ({ epoch: 1, ordinal, gtid: '' }),
      fence: (why) => expect.unreachable(why),
      changed: () => said.push('changed'),
    },
  );
  const look = (over?: Partial<ServerReading>) => {
    vi.advanceTimersByTime(6_000);
    checks.look(reading(over), { isOpen: true, received: 9 });
  };
  return { checks, look, purged, said };
}

it('drops what was committed and durable a few seconds ago from the spool, every few seconds', () => {
  const { checks, look, purged } = primary(9);
  look();
  checks.look(reading(), { isOpen: true, received: 9 });
  expect(purged).toEqual([]);
  look();
  look();
  expect(purged).toEqual([8, 8]);
  vi.advanceTimersByTime(6_000);
  checks.look(reading(), { isOpen: false, received: 9 });
  expect(purged, 'a server that is not open may lack what the spool has').toEqual([8, 8]);
  const behind = primary(5);
  behind.look();
  behind.look();
  expect(behind.purged, 'two replicas committed what this disk does not have yet').toEqual([6]);
});

it('keeps everything while the server does not sync its commits, and says so (rules H12, M9)', () => {
  const { checks, look, purged, said } = primary(9);
  look({ syncBinlog: 0 });
  look({ flushAtTrxCommit: 2 });
  expect([purged, checks.warnings.length]).toEqual([[], 1]);
  look();
  look();
  expect([purged, checks.warnings]).toEqual([[8], []]);
  const doubt = 'it did not sync each commit';
  expect(said).toEqual(['replication.error SERVER_NOT_DURABLE', doubt, 'changed', 'changed']);
});

import { expect, it } from 'vitest';
import { gtidIn } from '../../../test/kit/gtid.js';
import { attachInfo } from '../../../test/kit/link.js';
import { until } from '../../../test/kit/until.js';
import { EventLog } from '../../events/event-log.js';
import type { DumpRefusal } from '../../flavour/flavour.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import { SkeinError } from '../../model/error.js';
import type { Position } from '../../model/position.js';
import { Emitter } from '../../std/emitter.js';
import { silentLogger } from '../../std/logger.js';
import type { BootNumbers } from './boot-numbers.js';
import { ReplicaSet } from './replica-set.js';

const at = (ordinal: number): Position => ({ epoch: 1, ordinal, gtid: gtidIn(1, ordinal) });

/** A replica whose log ends at 3, on a primary whose window and spool begin later. */
function behind(error: SkeinError, logBegin: () => Promise<Position>) {
  const closed: { reason: string; code?: string }[] = [];
  const set = new ReplicaSet(
    { node: 'n1', acknowledge: 'majority', hubWindowBytes: 1024 },
    {
      events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
      boots: { isSetBack: () => false, note: () => {} } as unknown as BootNumbers,
      chain: () => [],
      keptChain: () => [],
      gtidText: mariadb.gtidText,
      isHeard: () => true,
      catchUp: () => ({
        ...{ onEnded: new Emitter<SkeinError>(), resume: () => {}, stop: () => {} },
        start: () => Promise.reject(error),
      }),
      logBegin,
      moved: () => {},
    },
  );
  set.hub.begin(10);
  const session = {
    ...{ node: 'n2', attach: { ...attachInfo('n2'), spoolEnd: at(3) }, blocked: false },
    ...{ onClosed: new Emitter(), onAdopted: new Emitter(), onAck: new Emitter(), onDrain: new Emitter() },
    ...{ onHeartbeat: new Emitter(), onEcho: new Emitter() },
    ...{ sendRecords: () => true, sendCommitted: () => {} },
    close: (reason: string, code?: string) => void closed.push({ reason, ...(code && { code }) }),
  };
  set.attach(session as unknown as ReplicaSession);
  return () => until('its link is closed', () => closed[0] ?? null);
}

const dumpError = (text: string, refusal: DumpRefusal) =>
  new SkeinError('DUMP_FAILED', text, { data: { refusal } });
const NOT_THERE = dumpError('the requested GTID is not in the log', 'absent');

it.each<[what: string, error: SkeinError, begin: number | null, code: string | undefined]>([
  [
    'that was purged',
    dumpError('the binary log file of the requested position was purged', 'purged'),
    0,
    'LOG_PURGED',
  ],
  ['of an older epoch before the beginning of the server’s log', NOT_THERE, 7, 'LOG_PURGED'],
  ['that the server’s log should have', NOT_THERE, 3, undefined],
  ['while the server does not tell where its log begins', NOT_THERE, null, undefined],
])('a replica whose next group is one %s', async (_what, error, begin, code) => {
  const logBegin = async () => {
    if (begin === null) throw new Error('the server is down');
    return at(begin);
  };
  const closed = await behind(error, logBegin)();
  expect(closed.reason).toContain(error.message);
  expect(closed.code).toBe(code);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { gtidIn } from '../../../test/kit/gtid.js';
import { heartbeatBody } from '../../../test/kit/link.js';
import { makeGroup } from '../../../test/kit/spool/record-maker.js';
import { until } from '../../../test/kit/until.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { ORIGIN, type Position } from '../../model/position.js';
import type { ClusterStatus, MemberStatus } from '../../model/status.js';
import { Spool } from '../../spool/spool.js';
import { diskStorage } from '../../spool/storage.js';
import { silentLogger } from '../../std/logger.js';
import type { Welcome } from '../../wire/messages.js';
import { ownStatus } from '../cluster-status.js';
import { spoolBase } from '../spool-base.js';
import { hadByServers, WitnessLog } from './witness-log.js';

const CHAIN = [epochEntry(1, ORIGIN, [])];

function member(name: string, durable: number, witness = false): MemberStatus {
  const heartbeat = heartbeatBody(name, 'replica');
  const positions = { received: durable, durable, committed: durable, applied: 0 };
  return ownStatus({
    heartbeat: { ...heartbeat, positions },
    state: 'live',
    voter: true,
    witness,
    since: '',
  });
}

const status = (epoch: number, ...members: MemberStatus[]): ClusterStatus => ({
  ...{ cluster: 'shop', epoch, primary: 'n1', acknowledge: 'majority', change: null, warnings: [] },
  ...{ quorum: { needed: 2, attached: 3, voters: 3 }, members },
});

describe('what the nodes with a server have', () => {
  it('is what the one with the least has, whatever witnesses have', () => {
    expect(hadByServers(status(1, member('n1', 12), member('n2', 10), member('w3', 3, true)), 1)).toBe(10);
  });

  it('is nothing as long as one was not attached in this epoch', () => {
    expect(hadByServers(status(1, member('n1', 12), member('n2', 0)), 1)).toBe(0);
  });

  it('does not wait for a learner that is away: it was added and never came, or comes back to be filled', () => {
    const [n1, w3] = [member('n1', 12), member('w3', 3, true)];
    const learner = { ...member('n4', 0), voter: false };
    expect(hadByServers(status(1, n1, { ...learner, state: 'gone' }, w3), 1)).toBe(12);
    expect(hadByServers(status(1, n1, learner, w3), 1)).toBe(0);
    expect(hadByServers(status(1, n1, { ...member('n2', 0), state: 'gone' }, w3), 1)).toBe(0);
  });

  it('is not known by what the primary of another epoch says', () => {
    expect(hadByServers(status(1, member('n1', 12), member('n2', 12)), 2)).toBeNull();
  });
});

describe('the log of a witness', () => {
  let directory: string;
  let spool: Spool;
  let anew: Position[];
  let log: WitnessLog;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'skein-witness-'));
    spool = await Spool.open(
      { directory, segmentBytesMax: 64 * 1024 },
      { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText },
    );
    anew = [];
    log = new WitnessLog({
      ...{ logger: silentLogger, flavour: mariadb, spool },
      beginAfter: (position) => spool.restartAfter(spoolBase(position, { chain: CHAIN, flavour: mariadb })),
      beginAnewAfter: async (position) => void anew.push(position),
    });
  });
  afterEach(async () => {
    await spool.close();
    await rm(directory, { recursive: true, force: true });
  });

  const welcome = (committedOrdinal: number): Welcome => ({
    ...{ node: 'n1', epoch: 1, chain: CHAIN as Welcome['chain'], committedOrdinal, sentAtMs: 0, uptimeMs: 0 },
  });
  /** In segments of a few groups. */
  async function received(from: number, to: number): Promise<void> {
    for (let ordinal = from; ordinal <= to; ordinal++) {
      const payload = Buffer.alloc(20_000);
      spool.append(Buffer.concat(makeGroup({ ordinal, epoch: 1, previousEpoch: 1, payload })), ordinal);
      await spool.flush();
    }
    spool.setCommitted(to);
  }

  it('begins at what is committed when it is new', async () => {
    await log.welcomed(welcome(500));
    expect([spool.begin, spool.end]).toEqual([501, { epoch: 1, ordinal: 500, gtid: gtidIn(1, 500) }]);
    expect(spool.committed()).toBe(500);
    await received(501, 503);
    expect(spool.durable.ordinal).toBe(503);
  });

  it('begins at the origin with its cluster', async () => {
    await log.welcomed(welcome(0));
    expect([spool.begin, spool.end.ordinal]).toEqual([1, 0]);
  });

  it('is continued where it ends, however far behind that is', async () => {
    await received(1, 3);
    await log.welcomed(welcome(500));
    expect([spool.begin, spool.end.ordinal, anew]).toEqual([1, 3, []]);
  });

  it('begins anew when the primary can continue it no more', async () => {
    await received(1, 3);
    await log.welcomed(welcome(500));
    log.logPurged('the log of n1 begins at number 100');
    expect(anew).toEqual([{ epoch: 1, ordinal: 500, gtid: gtidIn(1, 500) }]);
  });

  it('never gives up what may not be committed without it', async () => {
    await received(1, 3);
    await log.welcomed(welcome(3));
    log.logPurged('whatever the primary says');
    expect(anew).toEqual([]);
  });

  it('keeps what one node with a server does not have, and drops the rest', async () => {
    await received(1, 20);
    const [w3, begin] = [member('w3', 20, true), spool.begin];
    log.told(status(1, member('n1', 20), member('n2', 0), w3), 1);
    await spool.flush();
    expect(spool.begin).toBe(begin);
    const later = new WitnessLog({
      ...{ logger: silentLogger, flavour: mariadb, spool },
      beginAfter: async () => {},
      beginAnewAfter: async () => {},
    });
    later.told(status(1, member('n1', 20), member('n2', 10), w3), 1);
    await until('it has dropped what all have', () => spool.begin > begin);
    expect(spool.begin).toBeLessThanOrEqual(11);
  });
});

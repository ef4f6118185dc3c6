import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { EventLog } from '../events/event-log.js';
import { SkeinError } from '../model/error.js';
import type { SeedNeed } from '../model/seed.js';
import { monotonicMs } from '../std/clock.js';
import { silentLogger } from '../std/logger.js';
import { seedRecordFile } from './seed-record.js';
import { Seeder } from './seeder.js';
import type { SeederModules } from './seeder-parts.js';

const NEED: SeedNeed = { cause: 'operator', reason: 'asked for', closes: false, trouble: 'operator' };
const POSITION = { epoch: 1, ordinal: 7, gtid: '0-1000001-7' };
let directory: string;
let seeder: Seeder;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-seeder-'));
});
afterEach(async () => {
  await seeder.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A seeder whose server, snapshots and donors do what the test says. */
function made(over: Partial<SeederModules> = {}) {
  const calls: string[] = [];
  const events = new EventLog({ node: 'n2' }, { logger: silentLogger, audit: { add: () => {} } });
  const modules: SeederModules = {
    logger: silentLogger,
    events,
    record: seedRecordFile(directory, { logger: silentLogger }),
    nowMs: monotonicMs,
    donors: () => [
      { name: 'n3', role: 'replica', isHealthy: true, applied: 9, link: { host: '127.0.0.1', port: 1 } },
    ],
    dial: async () => ({
      offer: { node: 'n3', role: 'replica', serverVersion: '10.11.19', bytesTotal: 3 },
      body: Readable.from([Buffer.from('abc')]),
      stop: () => calls.push('hang up'),
      end: () => ({ position: POSITION, bytes: 3 }),
    }),
    positionOf: (gtid) => ({ ...POSITION, gtid }),
    nameOf: () => POSITION.gtid,
    committed: () => 9,
    applied: () => 9,
    spool: () => ({ begin: 1, end: 9 }),
    restartSpool: async () => {},
    keepExtra: async () => {
      calls.push('keep');
      return null;
    },
    snapshots: {
      begin: async () => ({
        write: async () => {},
        finish: async () => {},
        discard: async () => {},
      }),
      place: async () => void calls.push('place'),
      discard: async () => false,
    },
    server: { stop: async () => {}, start: async () => void calls.push('start') },
    ...over,
  };
  seeder = new Seeder({ node: 'n2', flavour: 'mariadb' }, modules);
  return { calls, events, modules };
}

const isIdle = () => !seeder.isRunning;

it('keeps what only the old server had, whoever asked for the seed, before the data is replaced', async () => {
  const { calls } = made();
  seeder.need(NEED);
  await until('it is filled', isIdle);
  expect(calls).toEqual(['keep', 'place', 'start']);
});

it('hangs up on the donor when there is no room for its snapshot', async () => {
  const { calls, events, modules } = made();
  const refused = async () => {
    throw new SkeinError('SNAPSHOT_NO_SPACE', 'There is no room.');
  };
  made({
    events,
    snapshots: { ...modules.snapshots, begin: refused },
    dial: modules.dial,
  });
  seeder.need(NEED);
  await until('the donor need not wait', () => calls.includes('hang up'));
  expect(events.counts.get('seed.failed')).toBe(1);
});

it('goes on with the old data when no server starts on the new, and can be cancelled then', async () => {
  let isPlaced = false;
  const started: string[] = [];
  const { modules } = made();
  made({
    snapshots: {
      ...modules.snapshots,
      place: async () => {
        isPlaced = true;
      },
      discard: async () => {
        const wasPlaced = isPlaced;
        isPlaced = false;
        return wasPlaced;
      },
    },
    server: {
      stop: async () => {},
      start: async () => {
        started.push(isPlaced ? 'new' : 'old');
        if (isPlaced) throw new SkeinError('SERVER_START_FAILED', 'It does not start.');
      },
    },
  });
  seeder.need(NEED);
  await until('the old data is used', () => started.includes('old'), { deadlineMs: 30_000 });
  expect(started).toEqual(['new', 'new', 'new', 'old']);
  expect(seeder.closed).toBe(null);
  await seeder.cancel('enough');
  expect(isIdle()).toBe(true);
});

it('removes a snapshot that is ready when its seed was cancelled just before the node ended', async () => {
  let discarded = 0;
  const { modules } = made();
  made({
    snapshots: {
      ...modules.snapshots,
      discard: async () => {
        discarded++;
        return false;
      },
    },
  });
  await seeder.resume({ step: 'ready', gtid: POSITION.gtid });
  expect([discarded, isIdle()]).toEqual([1, true]);
  // What a backup left is not a seed's.
  await seeder.resume({ step: 'placed', gtid: POSITION.gtid });
  expect([discarded, isIdle()]).toEqual([1, true]);
});

it('a need that comes while a seed is being cancelled is met afterwards, and noted', async () => {
  let over: () => void = () => {};
  const { modules } = made();
  const slow = new Promise<void>((resolve) => {
    over = resolve;
  });
  let committed: number | null = null;
  made({
    committed: () => committed,
    snapshots: {
      ...modules.snapshots,
      begin: async () => ({
        write: async () => {},
        finish: () => slow,
        discard: async () => {},
      }),
    },
  });
  seeder.need(NEED);
  await until('it prepares', () => seeder.progress?.phase === 'preparing');
  const cancelled = seeder.cancel('the operator');
  expect(seeder.need({ ...NEED, cause: 'errant-transaction', closes: true, trouble: 'errant' })).toBe(null);
  over();
  await cancelled;
  await until('the need is noted', async () => (await modules.record.load()).need?.trouble === 'errant');
  committed = 9;
  await until('it is filled', isIdle);
});

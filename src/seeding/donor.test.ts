import { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { at, SECRET } from '../../test/kit/link.js';
import { linkEnds } from '../../test/kit/link-ends.js';
import { until } from '../../test/kit/until.js';
import { EventLog } from '../events/event-log.js';
import { dialSeed } from '../link/seed-dialer.js';
import { SkeinError } from '../model/error.js';
import { monotonicMs } from '../std/clock.js';
import { silentLogger } from '../std/logger.js';
import { type DonorState, SeedDonor, type Taking } from './donor.js';

const { primary, stop } = linkEnds();
afterEach(stop);

const WELL: DonorState = {
  ...{ role: 'replica', illness: null, applied: 9, members: ['n1', 'n2'], serverVersion: '10.11.19' },
};

async function donor(take: (signal: AbortSignal) => Taking, state: Partial<DonorState> = {}) {
  const events = new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } });
  const served = new SeedDonor(
    { node: 'n1', flavour: 'mariadb', transfersMax: 1 },
    {
      logger: silentLogger,
      events,
      state: () => ({ ...WELL, ...state }),
      take: async (signal) => take(signal),
      positionOf: () => at(1, 9),
      nowMs: monotonicMs,
    },
  );
  const { port } = await primary({}, { seedRequested: (session) => void served.serve(session) });
  return { served, events, port };
}

const dial = (port: number, over: object = {}, signal = new AbortController().signal) =>
  dialSeed(
    { host: '127.0.0.1', port, cluster: 'demo', secret: SECRET },
    { node: 'n2', flavour: 'mariadb', fromOrdinal: 5, ...over },
    signal,
  );

const taking = (pieces: Iterable<Buffer>): Taking => ({
  output: Readable.from(pieces),
  done: Promise.resolve({ gtid: '0-1000001-9' }),
  bytesTotal: 30,
});

test('a snapshot is sent with its position, and both sides know that it is complete', async () => {
  const { served, events, port } = await donor(() => taking([Buffer.alloc(10, 1), Buffer.alloc(20, 2)]));
  const { offer, body, end } = await dial(port);
  expect(offer).toEqual({ node: 'n1', role: 'replica', serverVersion: '10.11.19', bytesTotal: 30 });
  let bytes = 0;
  for await (const piece of body) bytes += piece.length;
  expect(bytes).toBe(30);
  expect(end()).toEqual({ position: at(1, 9), bytes: 30 });
  await until('the donor is done', () => events.counts.get('seed.done') === 1);
  expect(served.transfers).toBe(0);
});

test('a request is refused by name', async () => {
  const never = () => {
    throw new Error('no snapshot is taken');
  };
  const code = async (state: Partial<DonorState>, over: object = {}) => {
    const { port } = await donor(never, state);
    return dial(port, over).then(
      () => 'given',
      (error: SkeinError) => error.code,
    );
  };
  expect(await code({ illness: 'its server is down' })).toBe('SEED_UNHEALTHY');
  expect(await code({}, { fromOrdinal: 10 })).toBe('SEED_TOO_OLD');
  expect(await code({}, { flavour: 'mysql' })).toBe('SEED_FLAVOUR');
  expect(await code({}, { node: 'n1' })).toBe('SEED_OWN_NODE');
  // It was removed from the cluster, and still has the secret.
  expect(await code({}, { node: 'n3' })).toBe('NOT_A_MEMBER');
});

test('one more than the limit is told that the donor is busy; a place is free again when a receiver is gone', async () => {
  const aborted: unknown[] = [];
  const { port } = await donor((signal) => {
    const output = new Readable({ read() {} });
    signal.addEventListener('abort', () => {
      aborted.push(signal.reason);
      output.destroy(new Error('killed'));
    });
    return { output, done: new Promise(() => {}), bytesTotal: null };
  });
  const first = await dial(port);
  await expect(dial(port)).rejects.toMatchObject({ code: 'SEED_BUSY' });
  first.stop();
  await until('the program was ended', () => aborted.length === 1);
  const again = await dial(port);
  again.stop();
});

test('a program that fails half-way is told to the receiver', async () => {
  const { events, port } = await donor(() => {
    const error = new SkeinError('SNAPSHOT_LOCKED', 'A backup lock was not given in time.');
    const pieces = (function* () {
      yield Buffer.alloc(10);
      throw error;
    })();
    return { output: Readable.from(pieces), done: Promise.reject(error), bytesTotal: null };
  });
  const { body } = await dial(port);
  const read = async () => {
    for await (const _ of body);
  };
  await expect(read()).rejects.toMatchObject({ code: 'SNAPSHOT_LOCKED' });
  await until('it is said', () => events.counts.get('seed.failed') === 1);
});

test('a receiver that hangs up while the position is looked up leaves its place free', async () => {
  let tell: (value: { gtid: string }) => void = () => {};
  const done = new Promise<{ gtid: string }>((resolve) => {
    tell = resolve;
  });
  let hungUp = false;
  const { served, events, port } = await donor((signal) => {
    signal.addEventListener('abort', () => {
      hungUp = true;
    });
    return { output: Readable.from([Buffer.alloc(10)]), done, bytesTotal: null };
  });
  const receiving = await dial(port);
  receiving.stop();
  await until('the donor knows', () => hungUp);
  tell({ gtid: '0-1000001-9' });
  await until('the place is free', () => served.transfers === 0);
  expect(events.counts.get('seed.failed')).toBe(1);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeFormat, makeGroup, mariadbGtidText } from '../../test/kit/spool/record-maker.js';
import { settle } from '../../test/kit/spool/simulated-schedule.js';
import { SimulatedStorage, seededRandom } from '../../test/kit/spool/simulated-storage.js';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { isSkeinError } from '../model/error.js';
import { silentLogger } from '../std/logger.js';
import { encodeRecord, RECORD_KIND, walkRecords } from '../wire/record.js';
import type { SpoolReader } from './reader.js';
import { Spool } from './spool.js';
import type { SpoolOptions } from './spool-options.js';

/** What the spool takes and refuses, and how it fails. */
const DIRECTORY = '/spool';

async function make(
  options: Partial<SpoolOptions> = {},
  disk = new SimulatedStorage({ random: seededRandom(1) }),
): Promise<{ spool: Spool; disk: SimulatedStorage }> {
  const spool = await Spool.open(
    { directory: DIRECTORY, preallocateBytes: 4096, ...options },
    { storage: disk, logger: silentLogger, gtidText: mariadbGtidText, clock: new VirtualClock() },
  );
  return { spool, disk };
}

const records = (ordinal: number, fragments = 1, epoch = 1, previousEpoch = epoch, size = 100): Buffer[] =>
  makeGroup({ ordinal, epoch, previousEpoch, payload: Buffer.alloc(size, ordinal), fragments });

const bytesOf = (...ordinals: number[]): Buffer => Buffer.concat(ordinals.flatMap((o) => records(o)));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isSkeinError(error)) return error.code;
    throw error;
  }
  return '';
}

async function drain(reader: SpoolReader, bytesMax: number): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  for (let bytes = await reader.next(1e9, bytesMax); bytes; bytes = await reader.next(1e9, bytesMax)) {
    parts.push(Buffer.from(bytes));
  }
  return parts;
}

async function ordinalsOf(spool: Spool): Promise<string[]> {
  const reader = spool.reader(spool.begin);
  const found: string[] = [];
  for (let bytes = await reader.next(1e9, 500); bytes; bytes = await reader.next(1e9, 500)) {
    for (const { header } of walkRecords(bytes)) {
      if (header.kind === RECORD_KIND.group) found.push(`${header.ordinal}/${header.epoch}/${header.flags}`);
    }
  }
  return found;
}

describe('a batch is refused as a whole', () => {
  const damaged = bytesOf(3, 4);
  damaged[200] = (damaged[200] ?? 0) ^ 1;
  const mark = encodeRecord(
    {
      kind: RECORD_KIND.mark,
      flags: 0,
      epoch: 1,
      ordinal: 2,
      atMs: 0,
      gtid: Buffer.alloc(0),
      previousGtid: Buffer.alloc(0),
    },
    Buffer.alloc(32),
  );
  const cases: [string, Buffer, string][] = [
    ['a gap', bytesOf(4), 'SPOOL_GAP'],
    ['a gap behind a good group', bytesOf(3, 5), 'SPOOL_GAP'],
    ['a group of another history', Buffer.concat(records(3, 1, 2, 2)), 'SPOOL_DIVERGED'],
    ['another group in the place of the last', Buffer.concat(records(2, 1, 2, 1)), 'SPOOL_DIVERGED'],
    ['a flipped bit in the second record', damaged, 'RECORD_DAMAGED'],
    ['half a record', bytesOf(3, 4).subarray(0, 200), 'RECORD_DAMAGED'],
    ['a mark from outside', mark, 'RECORD_DAMAGED'],
    ['a fragment without its first', records(3, 3)[1] as Buffer, 'SPOOL_GAP'],
    [
      'fragments of two groups',
      Buffer.concat([records(3, 3)[0] as Buffer, records(3, 3, 2, 1)[1] as Buffer]),
      'SPOOL_DIVERGED',
    ],
    ['a FORMAT record from beyond the end', makeFormat(9, 1, Buffer.from('x')), 'SPOOL_GAP'],
  ];
  test.each(cases)('%s', async (_name, batch, code) => {
    const { spool } = await make();
    spool.append(bytesOf(1, 2));
    expect(codeOf(() => spool.append(batch))).toBe(code);
    expect(spool.end.ordinal).toBe(2);
    spool.append(bytesOf(3));
    await spool.flush();
    expect(await ordinalsOf(spool)).toEqual(['1/1/3', '2/1/3', '3/1/3']);
  });

  test('an epoch that goes back', async () => {
    const { spool } = await make();
    spool.append(Buffer.concat(records(1, 1, 5)));
    expect(codeOf(() => spool.append(Buffer.concat(records(2, 1, 4, 5))))).toBe('SPOOL_DIVERGED');
  });

  test('a first group that is not the first of the cluster', async () => {
    const { spool } = await make();
    expect(codeOf(() => spool.append(bytesOf(2)))).toBe('SPOOL_GAP');
  });
});

test('repeats are ignored, also within a batch that brings new ones', async () => {
  const { spool } = await make();
  spool.append(bytesOf(1, 2, 3));
  spool.append(bytesOf(2, 3, 4));
  spool.append(bytesOf(1));
  await spool.flush();
  expect(await ordinalsOf(spool)).toEqual(['1/1/3', '2/1/3', '3/1/3', '4/1/3']);
});

test('a group that is started again drops the first try, in memory, on disk and over a restart', async () => {
  for (const flushes of [0, 1, 2, 3]) {
    for (const tailBytesMax of [0, 1_000_000]) {
      const { spool, disk } = await make({ tailBytesMax });
      const first = records(2, 3);
      spool.append(bytesOf(1));
      if (flushes > 2) await spool.flush();
      spool.append(first[0] as Buffer);
      if (flushes > 0) await spool.flush();
      spool.append(first[1] as Buffer);
      if (flushes > 1) await spool.flush();
      expect(spool.end.ordinal).toBe(1);
      spool.append(Buffer.concat([...records(2, 2, 2, 1), ...records(3, 1, 2)]));
      const wanted = ['1/1/3', '2/2/1', '2/2/2', '3/2/3'];
      expect(await ordinalsOf(spool)).toEqual(wanted);
      await spool.close();
      const again = (await make({}, disk.processKill())).spool;
      expect(again.damage).toBeNull();
      expect(await ordinalsOf(again)).toEqual(wanted);
    }
  }
});

test('an incomplete group at the end is cut off by recovery, however well it was synced', async () => {
  const { spool, disk } = await make();
  spool.append(bytesOf(1));
  spool.append(records(2, 3)[0] as Buffer);
  await spool.flush();
  spool.append(records(2, 3)[1] as Buffer);
  await spool.close();
  const again = (await make({}, disk.processKill())).spool;
  expect(again.damage).toBeNull();
  expect(again.end.ordinal).toBe(1);
  expect(codeOf(() => again.append(records(2, 3)[2] as Buffer))).toBe('SPOOL_GAP');
  again.append(bytesOf(2));
});

test('any way of cutting a stream of records into batches stores the same', async () => {
  const stream = [
    makeFormat(0, 1, Buffer.from('a')),
    ...records(1),
    ...records(2, 4),
    makeFormat(2, 1, Buffer.from('a')),
    ...records(3),
    makeFormat(3, 1, Buffer.from('b')),
    ...records(4, 2, 2, 1),
    ...records(5, 3, 2),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: stream.length }),
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 100, max: 1000 }),
      fc.array(fc.boolean(), { minLength: stream.length }),
      async (cuts, bytesMax, segmentBytesMax, pauses) => {
        const { spool } = await make({ segmentBytesMax, tailBytesMax: bytesMax });
        // The second FORMAT record is the same as the first and is not stored again.
        const wanted = Buffer.concat(stream.filter((_, index) => index !== 6));
        const follower = spool.reader(1);
        const followed: Buffer[] = [];
        const rest = [...stream];
        for (const [index, count] of cuts.entries()) {
          if (rest.length > 0) spool.append(Buffer.concat(rest.splice(0, count)));
          // Sometimes the reader is level and in memory, sometimes behind and in the files.
          if (pauses[index]) await spool.flush();
          else followed.push(...(await drain(follower, bytesMax)));
        }
        await spool.flush();
        followed.push(...(await drain(follower, bytesMax)));
        expect(Buffer.concat(await drain(spool.reader(1), bytesMax))).toEqual(wanted);
        expect(Buffer.concat(followed)).toEqual(wanted);
        expect(spool.format?.toString()).toBe('b');
      },
    ),
    { numRuns: 200 },
  );
});

describe('group commit', () => {
  test('what arrives during a sync goes out with the next one; durable never runs ahead', async () => {
    const { spool, disk } = await make();
    const seen: number[] = [];
    spool.onDurable.on(({ ordinal }) => seen.push(ordinal));
    const before = disk.syncs;
    for (let ordinal = 1; ordinal <= 50; ordinal++) {
      spool.append(bytesOf(ordinal));
      expect(spool.durable.ordinal).toBe(0);
    }
    await spool.flush();
    expect(seen).toEqual([50]);
    expect(disk.syncs - before).toBe(1);
  });

  test('asks for a pause above the limit, and says when it is over', async () => {
    const { spool } = await make({ pendingBytesMax: 1000 });
    let drained = 0;
    spool.onDrain.on(() => {
      drained += 1;
    });
    expect(spool.append(bytesOf(1, 2))).toBe(true);
    expect(spool.append(bytesOf(3, 4, 5, 6, 7, 8))).toBe(false);
    expect(drained).toBe(0);
    await spool.flush();
    expect(drained).toBe(1);
    expect(spool.append(bytesOf(9))).toBe(true);
  });
});

describe('a storage that fails is the end', () => {
  async function failing(break_: (disk: SimulatedStorage) => void, errno: string) {
    const { spool, disk } = await make();
    spool.append(bytesOf(1));
    await spool.flush();
    const failures: string[] = [];
    const durable: number[] = [];
    spool.onFailed.on((error) => failures.push(`${error.code} ${String(error.data.errno)}`));
    spool.onDurable.on(({ ordinal }) => durable.push(ordinal));
    break_(disk);
    spool.append(Buffer.concat(records(2, 1, 1, 1, 50_000)));
    await settle();
    expect(failures).toEqual([`SPOOL_FAILED ${errno}`]);
    expect(durable).toEqual([]);
    expect(spool.durable.ordinal).toBe(1);
    // It would work again now; but nothing is asked twice.
    disk.limitTo(null);
    expect(codeOf(() => spool.append(bytesOf(3)))).toBe('SPOOL_FAILED');
    await expect(spool.flush()).rejects.toMatchObject({ code: 'SPOOL_FAILED' });
    await expect(spool.purge(1)).rejects.toMatchObject({ code: 'SPOOL_FAILED' });
    await expect(spool.cut(spool.durable)).rejects.toMatchObject({ code: 'SPOOL_FAILED' });
    await expect(spool.reader(1).next(1, 100)).rejects.toMatchObject({ code: 'SPOOL_FAILED' });
    const syncs = disk.syncs;
    await spool.close();
    expect(disk.syncs).toBe(syncs);
    return disk;
  }

  test('an fsync that fails: what the cache still shows is not taken for durable by the next life', async () => {
    const killed = (await failing((d) => d.failSyncs(1), 'EIO')).processKill();
    const next = (await make({}, killed)).spool;
    expect(next.damage).toBeNull();
    // Whatever it took over from the cache it has written again: it must survive the power cut that follows.
    const after = (await make({}, killed.powerCut())).spool;
    expect(after.damage).toBeNull();
    expect(after.durable).toEqual(next.durable);
  });

  test('a full disk', async () => {
    const disk = await failing((d) => d.limitTo(d.usedBytes + 1000), 'ENOSPC');
    const next = (await make({}, disk.processKill())).spool;
    expect(next.damage).toBeNull();
    expect(next.end.ordinal).toBe(1);
    next.append(bytesOf(2));
    await next.flush();
  });
});

test('damage that appears while it is read is noticed, told, and ends the taking', async () => {
  const { spool, disk } = await make({ tailBytesMax: 0 });
  spool.append(bytesOf(1, 2, 3));
  await spool.flush();
  const damage: (string | null)[] = [];
  spool.onDamaged.on(({ file }) => damage.push(file));
  const path = disk.paths().find((name) => name.endsWith('.seg')) as string;
  disk.alter(path, (bytes) => {
    const at = bytes.findLastIndex((byte) => byte !== 0) - 10;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  });
  const reader = spool.reader(1);
  await expect(
    (async () => {
      while (await reader.next(3, 150));
    })(),
  ).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' });
  expect(damage).toEqual(['0000000000000001.seg']);
  expect(spool.damage).not.toBeNull();
  expect(codeOf(() => spool.append(bytesOf(4)))).toBe('SPOOL_DAMAGED');
});

test('a reader waits for groups that are not here yet, and never gets more than it may', async () => {
  const { spool } = await make();
  const reader = spool.reader(3);
  expect(await reader.next(10, 100)).toBeNull();
  spool.append(bytesOf(1, 2, 3, 4));
  expect(await reader.next(2, 1000)).toBeNull();
  expect(await reader.next(3, 1000)).toEqual(bytesOf(3));
  expect(await reader.next(3, 1000)).toBeNull();
  expect(await reader.next(4, 1000)).toEqual(bytesOf(4));
  reader.close();
  await expect(reader.next(4, 1000)).rejects.toMatchObject({ code: 'SPOOL_CLOSED' });
});

test('a cut ends a reader that handed out what is gone, and no other', async () => {
  const { spool } = await make();
  spool.append(bytesOf(1, 2, 3, 4));
  const [behind, level, waiting, ahead] = [1, 3, 9, 1].map((ordinal) => spool.reader(ordinal));
  expect(await behind?.next(1, 1)).toEqual(bytesOf(1));
  while (await ahead?.next(3, 100));
  await spool.cut({ epoch: 1, ordinal: 2, gtid: '0-1000001-2' });
  spool.append(Buffer.concat([3, 4].flatMap((o) => records(o, 1, 2, o === 3 ? 1 : 2))));
  expect(await behind?.next(2, 1)).toEqual(bytesOf(2));
  expect(await level?.next(3, 1)).toEqual(records(3, 1, 2, 1)[0]);
  expect(await waiting?.next(9, 1)).toBeNull();
  await expect(ahead?.next(4, 1)).rejects.toMatchObject({ code: 'SPOOL_CUT' });
});

test('readers of the tail share its buffers', async () => {
  const { spool } = await make();
  const batch = bytesOf(1, 2, 3);
  spool.append(batch);
  const bytes = await spool.reader(1).next(3, 10_000);
  expect(bytes?.buffer).toBe(batch.buffer);
  expect(bytes?.byteOffset).toBe(batch.byteOffset);
});

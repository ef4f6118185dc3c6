import { describe, expect, test } from 'vitest';
import { makeFormat, makeGroup, mariadbGtid, mariadbGtidText } from '../../test/kit/spool/record-maker.js';
import { SimulatedStorage, seededRandom } from '../../test/kit/spool/simulated-storage.js';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { silentLogger } from '../std/logger.js';
import { encodeRecord, RECORD_HEADER_SIZE } from '../wire/record.js';
import { encodeMark, type Mark, readMark } from './mark.js';
import { Spool } from './spool.js';

/** Torn or damaged: what recovery makes of a directory. What it must survive is in spool.simulation.test.ts. */
const DIRECTORY = '/spool';

function open(storage: SimulatedStorage): Promise<Spool> {
  return Spool.open(
    { directory: DIRECTORY, segmentBytesMax: 6000 },
    { storage, logger: silentLogger, gtidText: mariadbGtidText, clock: new VirtualClock() },
  );
}

/** A spool of `count` groups in some segments; its process is killed, so that no closing mark is written. */
async function filled(seed: number, count = 40): Promise<SimulatedStorage> {
  const random = seededRandom(seed);
  const storage = new SimulatedStorage({ random });
  const spool = await open(storage);
  spool.append(makeFormat(0, 1, Buffer.from('format')));
  for (let ordinal = 1; ordinal <= count; ordinal++) {
    const payload = Buffer.alloc(Math.floor(random() * 900), ordinal);
    const fragments = payload.length > 10 && random() < 0.2 ? 3 : 1;
    spool.append(Buffer.concat(makeGroup({ ordinal, epoch: 1, previousEpoch: 1, payload, fragments })));
    if (random() < 0.6) await spool.flush();
  }
  await spool.flush();
  return storage.processKill();
}

const segments = (storage: SimulatedStorage): string[] =>
  storage.paths().filter((path) => path.endsWith('.seg'));

/** The records of a file, without the preallocated zeros after them. */
function written(bytes: Buffer): Buffer {
  let at = 0;
  while (at < bytes.length && bytes.readUInt32LE(at) > 0) at += bytes.readUInt32LE(at);
  return bytes.subarray(0, at);
}

function marksOf(bytes: Buffer): Mark[] {
  const marks: Mark[] = [];
  for (let at = 0; at < bytes.length && bytes.readUInt32LE(at) > 0; at += bytes.readUInt32LE(at)) {
    const mark = readMark(bytes, at, at);
    if (mark) marks.push(mark);
  }
  return marks;
}

const last = <T>(list: readonly T[]): T => list.at(-1) as T;

function destroySegments(storage: SimulatedStorage): void {
  for (const path of segments(storage)) storage.destroy(path);
}

function snapshot(storage: SimulatedStorage): string {
  return storage
    .paths()
    .map((path) => `${path}:${storage.bytesOf(path).toString('base64')}`)
    .join('\n');
}

test('a byte that was flipped where a mark says it was synced is always damage, and is left alone', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const storage = await filled(seed, 20);
    const random = seededRandom(seed * 7919);
    const paths = segments(storage);
    const path = paths[Math.floor(random() * paths.length)] as string;
    const bytes = storage.bytesOf(path);
    const synced = path === last(paths) ? last(marksOf(bytes)).syncedOffset : bytes.length;
    if (synced === 0) continue;
    const at = Math.floor(random() * synced);
    storage.alter(path, (copy) => {
      copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      return copy;
    });
    const before = snapshot(storage);
    const spool = await open(storage);
    expect(spool.damage?.file, `seed ${seed}, byte ${at} of ${path}`).toBe(path.slice(DIRECTORY.length + 1));
    expect(spool.damage?.offset).toBeLessThanOrEqual(at);
    expect(() => spool.append(Buffer.alloc(0))).toThrow(expect.objectContaining({ code: 'SPOOL_DAMAGED' }));
    await expect(spool.cut({ epoch: 0, ordinal: 0, gtid: '' })).rejects.toMatchObject({
      code: 'SPOOL_DAMAGED',
    });
    // What is before the damage can be looked at.
    const reader = spool.end.ordinal >= spool.begin ? spool.reader(spool.begin) : null;
    if (reader) expect(await reader.next(spool.end.ordinal, 1000)).not.toBeNull();
    await spool.close();
    expect(snapshot(storage)).toBe(before);
  }
});

/** Where to cut `bytes` from `from` on: at and beside each border of a record and of a sector, and at some bytes between. */
function placesToCut(bytes: Buffer, from: number): number[] {
  const borders = [from, bytes.length];
  for (let at = 0; at < bytes.length && bytes.readUInt32LE(at) > 0; at += bytes.readUInt32LE(at)) {
    borders.push(at, at + RECORD_HEADER_SIZE);
  }
  for (let at = 0; at < bytes.length; at += 512) borders.push(at);
  const random = seededRandom(5);
  const between = Array.from({ length: 100 }, () => from + Math.floor(random() * (bytes.length - from)));
  const places = [...borders.flatMap((at) => [at - 1, at, at + 1]), ...between];
  return [...new Set(places)].filter((at) => at >= from && at <= bytes.length);
}

test('a tail cut at any byte behind the last mark is torn, never damage', async () => {
  const sizes = await filled(5);
  const path = last(segments(sizes));
  const { syncedOffset } = last(marksOf(sizes.bytesOf(path)));
  const places = placesToCut(sizes.bytesOf(path), syncedOffset);
  expect(places.length).toBeGreaterThan(100);
  for (const size of places) {
    const storage = await filled(5);
    // State file of the beginning: nothing is known of how far it was durable.
    storage.alter(path, (bytes) => bytes.subarray(0, size));
    const spool = await open(storage);
    expect(spool.damage, `cut at ${size}`).toBeNull();
    expect(storage.bytesOf(path).length).toBeLessThanOrEqual(size);
    const after = await open(storage.processKill());
    expect(after.damage).toBeNull();
    expect(after.end).toEqual(spool.end);
  }
});

describe('things that do not add up are damage', () => {
  const cases: [string, (storage: SimulatedStorage) => void, RegExp][] = [
    ['a missing segment in the middle', (s) => s.destroy(segments(s)[1] as string), /hole/],
    ['a missing first segment', (s) => s.destroy(segments(s)[0] as string), /missing before/],
    ['all segments missing', destroySegments, /no segment/],
    ['the state file missing', (s) => s.destroy('/spool/state.json'), /state.json is missing/],
    [
      'the state file altered',
      (s) =>
        s.alter('/spool/state.json', (b) =>
          Buffer.from(b.toString().replace('"committed":', '"committed":1')),
        ),
      /state.json is damaged/,
    ],
    [
      'an earlier segment cut short',
      (s) => s.alter(segments(s)[0] as string, (b) => b.subarray(0, b.length - 1)),
      /bad record/,
    ],
    [
      'an earlier segment cut at a group',
      (s) => s.alter(segments(s)[0] as string, (b) => b.subarray(0, (marksOf(b)[2] as Mark).offset)),
      /hole/,
    ],
    [
      'a segment of another spool',
      (s) => {
        const path = last(segments(s));
        s.alter(path, (bytes) => {
          const head = readMark(bytes, 0, 0) as Mark;
          return Buffer.concat([
            encodeMark({ ...head, incarnation: '0'.repeat(32) }, 0),
            bytes.subarray(head.size),
          ]);
        });
      },
      /another spool/,
    ],
    [
      'a sound record that does not follow',
      (s) =>
        s.alter(last(segments(s)), (b) =>
          Buffer.concat([
            written(b),
            ...makeGroup({ ordinal: 99, epoch: 1, previousEpoch: 1, payload: Buffer.alloc(9) }),
          ]),
        ),
      /missing in between/,
    ],
    [
      'a sound record of a kind that is not known',
      (s) =>
        s.alter(last(segments(s)), (b) =>
          Buffer.concat([
            written(b),
            encodeRecord(
              { kind: 9, flags: 0, epoch: 1, ordinal: 41, atMs: 0, gtid: b, previousGtid: b },
              Buffer.alloc(0),
            ),
          ]),
        ),
      /kind/,
    ],
  ];
  test.each(cases)('%s', async (_name, alter, reason) => {
    const storage = await filled(11);
    alter(storage);
    const before = snapshot(storage);
    const spool = await open(storage);
    expect(spool.damage?.reason).toMatch(reason);
    expect(snapshot(storage)).toBe(before);
    await spool.close();
    expect(snapshot(storage)).toBe(before);
  });

  test('the last segments missing, when the state file knows better', async () => {
    const storage = await filled(11);
    const clean = await open(storage);
    await clean.close();
    for (const path of segments(storage).slice(-2)) storage.destroy(path);
    const spool = await open(storage.processKill());
    expect(spool.damage?.reason).toMatch(/ordinal 40 was durable/);
  });

  test('bad bytes with sound records behind them that no lost sector explains', async () => {
    const storage = await filled(12);
    const path = last(segments(storage));
    const { offset, size } = last(marksOf(storage.bytesOf(path)));
    const lastGroups = makeGroup({ ordinal: 41, epoch: 1, previousEpoch: 1, payload: Buffer.alloc(600, 7) });
    const then = makeGroup({ ordinal: 42, epoch: 1, previousEpoch: 1, payload: Buffer.alloc(600, 7) });
    const first = offset + size;
    storage.alter(path, (found) => {
      const bytes = written(found);
      const all = Buffer.concat([bytes, ...lastGroups, ...then]);
      all[bytes.length + 300] = 9;
      return all;
    });
    expect(first).toBeGreaterThan(0);
    expect((await open(storage)).damage?.reason).toMatch(/sound records behind/);
  });

  test('but a sector that never reached the disk is torn, also with sound records behind it', async () => {
    const storage = await filled(12);
    const path = last(segments(storage));
    const next = (ordinal: number) =>
      makeGroup({ ordinal, epoch: 1, previousEpoch: 1, payload: Buffer.alloc(3000, 7) });
    storage.alter(path, (found) => {
      const bytes = written(found);
      const all = Buffer.concat([bytes, ...next(41), ...next(42), ...next(43)]);
      const page = Math.ceil((bytes.length + 3100) / 512) * 512;
      all.fill(0, page, page + 512);
      return all;
    });
    const spool = await open(storage);
    expect(spool.damage).toBeNull();
    expect(spool.end.ordinal).toBe(41);
  });
});

test("users' data that looks like a mark proves nothing", async () => {
  const storage = await filled(13);
  const path = last(segments(storage));
  const size = storage.bytesOf(path).length;
  const end = { epoch: 1, ordinal: 40, ids: mariadbGtid(40, 1_000_001), gtidSize: 16 };
  const fields = { begins: false, end, syncedOffset: size + 50, incarnation: 'ab'.repeat(16) };
  const lookAlikes = Buffer.concat(
    Array.from({ length: 20 }, (_, index) => encodeMark({ ...fields, offset: size + 64 + index * 96 }, 0)),
  );
  const record = Buffer.concat(
    makeGroup({
      ordinal: 41,
      epoch: 1,
      previousEpoch: 1,
      payload: Buffer.concat([lookAlikes, Buffer.alloc(99)]),
    }),
  );
  storage.alter(path, (bytes) => Buffer.concat([bytes, record.subarray(0, -20)]));
  const spool = await open(storage);
  expect(spool.damage).toBeNull();
  expect(spool.end.ordinal).toBe(40);
});

/** Cuts the power after each number of turns of `work`; hands out what the next life finds. */
async function atEachMoment(
  start: () => Promise<SimulatedStorage>,
  work: (spool: Spool) => Promise<void>,
  check: (spool: Spool, wasDone: boolean, turns: number) => void | Promise<void>,
): Promise<void> {
  let wasDone = false;
  for (let turns = 0; !wasDone || turns < 100; turns += 1 + Math.floor(turns / 40)) {
    const storage = await start();
    const spool = await open(storage);
    let done = false;
    const settled = work(spool).then(
      () => {
        done = true;
      },
      () => {},
    );
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    wasDone = done;
    const left = storage.powerCut();
    await settled;
    const again = await open(left);
    expect(again.damage, `${turns} turns`).toBeNull();
    await check(again, wasDone, turns);
  }
}

test('a cut over many segments leaves a sound prefix at any moment', async () => {
  const seen = new Set<number>();
  await atEachMoment(
    () => filled(21, 60),
    (spool) => spool.cut({ epoch: 1, ordinal: 5, gtid: '0-1000001-5' }),
    (spool, wasDone) => {
      seen.add(spool.end.ordinal);
      expect(spool.end.ordinal).toBeGreaterThanOrEqual(5);
      if (wasDone) expect(spool.end.ordinal).toBe(5);
    },
  );
  expect(seen.size).toBeGreaterThan(3);
});

test('a purge of many segments leaves all that it may not take at any moment', async () => {
  const seen = new Set<number>();
  await atEachMoment(
    () => filled(22, 60),
    (spool) => {
      spool.setCommitted(55);
      return spool.purge(50);
    },
    async (spool, wasDone) => {
      seen.add(spool.begin);
      expect(spool.begin).toBeLessThanOrEqual(50);
      if (wasDone) expect(spool.begin).toBeGreaterThan(30);
      expect(spool.end.ordinal).toBe(60);
      expect(spool.format?.toString()).toBe('format');
    },
  );
  expect(seen.size).toBeGreaterThan(3);
});

test('a closing mark that was not synced may be torn although a later mark reached the disk', async () => {
  for (let seed = 1; seed <= 400; seed++) {
    const storage = new SimulatedStorage({ random: seededRandom(seed) });
    const clock = new VirtualClock();
    const spool = await Spool.open(
      { directory: DIRECTORY, idleMarkMs: 0, preallocateBytes: 4096 },
      {
        storage,
        logger: silentLogger,
        gtidText: mariadbGtidText,
        clock,
      },
    );
    const group = (ordinal: number, size: number) =>
      Buffer.concat(makeGroup({ ordinal, epoch: 1, previousEpoch: 1, payload: Buffer.alloc(size, 7) }));
    // The closing mark comes to lie across the border of a page, the next commit behind it.
    spool.append(group(1, 4096 - 250 + (seed % 100)));
    await spool.flush();
    clock.pass(0);
    await spool.flush();
    const { durable } = spool;
    spool.append(group(2, 9000));
    for (let turn = 0; turn < 4 + (seed % 12); turn++) await Promise.resolve();
    const again = await open(storage.powerCut());
    expect(again.damage, `seed ${seed}`).toBeNull();
    expect(again.end.ordinal).toBeGreaterThanOrEqual(durable.ordinal);
  }
});

test('a spool that begins again after a seed is the old one or the new one at any moment', async () => {
  const seen = new Set<number>();
  const base = {
    epoch: 3,
    ordinal: 1000,
    gtid: mariadbGtid(1000, 1_000_003),
    previousGtid: mariadbGtid(999, 1_000_003),
  };
  await atEachMoment(
    () => filled(14, 20),
    (spool) => spool.restartAfter(base),
    async (spool, wasDone) => {
      seen.add(spool.end.ordinal);
      if (wasDone) expect(spool.end).toEqual({ epoch: 3, ordinal: 1000, gtid: '0-1000003-1000' });
      if (spool.end.ordinal !== 1000) return;
      expect(spool.begin).toBe(1001);
      expect(spool.previousGtidOfDurable).toBe('0-1000003-999');
      const next = makeGroup({ ordinal: 1001, epoch: 3, previousEpoch: 3, payload: Buffer.alloc(10) });
      spool.append(Buffer.concat(next));
      await spool.flush();
      await expect(spool.restartAfter(base)).rejects.toMatchObject({ code: 'SPOOL_NOT_COVERED' });
    },
  );
  expect([...seen].sort()).toEqual([1000, 20]);
});

describe('room for records to come', () => {
  const zeros = Buffer.alloc(5000);

  test('behind the last record it is cut off, and nothing is missing', async () => {
    const storage = await filled(1);
    const path = last(segments(storage));
    const size = written(storage.bytesOf(path)).length;
    storage.alter(path, (bytes) => Buffer.concat([bytes, zeros]));
    const spool = await open(storage);
    expect(spool.damage).toBeNull();
    expect(spool.end.ordinal).toBe(40);
    expect(storage.bytesOf(path).length).toBe(size);
    await spool.close();
  });

  test('is given back when the spool is closed, and before the next segment', async () => {
    const storage = await filled(2);
    const spool = await open(storage);
    await spool.close();
    for (const path of segments(storage)) {
      const bytes = storage.bytesOf(path);
      expect(written(bytes).length, path).toBe(bytes.length);
    }
  });

  test('at the end of an earlier segment it is damage: that was synced without it', async () => {
    const storage = await filled(3);
    const [first] = segments(storage) as [string];
    storage.alter(first, (bytes) => Buffer.concat([bytes, zeros]));
    expect((await open(storage)).damage).toMatchObject({ reason: 'it ends in zeros' });
  });

  test('zeros where a mark behind them says that it was synced are damage', async () => {
    const storage = await filled(4);
    const path = last(segments(storage));
    const { syncedOffset } = last(marksOf(storage.bytesOf(path)));
    expect(syncedOffset).toBeGreaterThan(600);
    storage.alter(path, (bytes) => bytes.fill(0, syncedOffset - 500, syncedOffset));
    expect((await open(storage)).damage?.reason).toMatch(/synced/);
  });
});

import { expect, test } from 'vitest';
import { makeFormat, makeGroup, mariadbGtidText } from '../../test/kit/spool/record-maker.js';
import { SimulatedStorage, seededRandom } from '../../test/kit/spool/simulated-storage.js';
import { VirtualClock } from '../../test/kit/virtual-clock.js';
import { silentLogger } from '../std/logger.js';
import { listSegments, showRecords, verify } from './inspect.js';
import { Spool } from './spool.js';

const DIRECTORY = '/spool';

async function filled(): Promise<SimulatedStorage> {
  const storage = new SimulatedStorage({ random: seededRandom(1) });
  const spool = await Spool.open(
    { directory: DIRECTORY, segmentBytesMax: 1200 },
    { storage, logger: silentLogger, gtidText: mariadbGtidText, clock: new VirtualClock() },
  );
  spool.append(makeFormat(0, 1, Buffer.from('format')));
  for (let ordinal = 1; ordinal <= 12; ordinal++) {
    const fragments = ordinal === 7 ? 3 : 1;
    const payload = Buffer.alloc(300, ordinal);
    spool.append(Buffer.concat(makeGroup({ ordinal, epoch: 1, previousEpoch: 1, payload, fragments })));
    await spool.flush();
  }
  spool.setCommitted(9);
  await spool.close();
  return storage.processKill();
}

test('list, show and verify say what there is', async () => {
  const storage = await filled();
  const modules = { storage, gtidText: mariadbGtidText };
  const list = await listSegments(DIRECTORY, modules);
  expect(list).toMatchObject({
    begin: 1,
    end: { epoch: 1, ordinal: 12, gtid: '0-1000001-12' },
    committed: 9,
    damage: null,
  });
  expect(list.segments.length).toBeGreaterThan(2);
  expect(list.segments.reduce((sum, segment) => sum + segment.groups, 0)).toBe(12);

  const records = await showRecords(DIRECTORY, 7, 100, modules);
  const groups = records.filter((record) => record.kind === 'group');
  expect(groups.slice(0, 4).map(({ ordinal, part }) => [ordinal, part])).toEqual([
    [7, 'first'],
    [7, 'middle'],
    [7, 'last'],
    [8, 'whole'],
  ]);
  expect(groups.at(-1)).toMatchObject({ ordinal: 12, gtid: '0-1000001-12', previousGtid: '0-1000001-11' });
  expect(await showRecords(DIRECTORY, 7, 2, modules)).toHaveLength(2);

  expect(await verify(DIRECTORY, modules)).toMatchObject({
    ok: true,
    groups: 12,
    summary: 'Sound: ordinals 1 to 12.',
  });
});

test('verify names the place of damage and changes nothing', async () => {
  const storage = await filled();
  const path = storage.paths()[1] as string;
  storage.alter(path, (bytes) => {
    bytes[700] = (bytes[700] ?? 0) ^ 1;
    return bytes;
  });
  const before = storage.paths().map((name) => storage.bytesOf(name).toString('hex'));
  const result = await verify(DIRECTORY, { storage, gtidText: mariadbGtidText });
  expect(result.ok).toBe(false);
  expect(result.damage?.file).toBe(path.slice(DIRECTORY.length + 1));
  expect(result.summary).toMatch(/^Damaged in \d{16}\.seg at byte \d+: /);
  expect(storage.paths().map((name) => storage.bytesOf(name).toString('hex'))).toEqual(before);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { gtidIn } from '../../../test/kit/gtid.js';
import { makeGroup } from '../../../test/kit/spool/record-maker.js';
import { until } from '../../../test/kit/until.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import type { RecordBatch } from '../../model/records.js';
import { Spool } from '../../spool/spool.js';
import { diskStorage } from '../../spool/storage.js';
import { silentLogger } from '../../std/logger.js';
import { encodeRecord, RECORD_KIND, WHOLE } from '../../wire/record.js';
import { NoCatchUp, SpoolCatchUp } from './spool-catch-up.js';

let directory: string;
let spool: Spool;
const NONE = Buffer.alloc(0);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-catch-up-'));
  spool = await Spool.open(
    { directory, segmentBytesMax: 64 * 1024 },
    { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText },
  );
});
afterEach(async () => {
  await spool.close();
  await rm(directory, { recursive: true, force: true });
});

function formatRecord(text: string, after: number): Buffer {
  const fields = { kind: RECORD_KIND.format, flags: WHOLE, epoch: 1, ordinal: after, atMs: 0 };
  return encodeRecord({ ...fields, gtid: NONE, previousGtid: NONE }, Buffer.from(text));
}

/** One batch, as it comes from a link. */
function groups(from: number, to: number, { format = '', size = 100 } = {}): void {
  const ordinals = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const records = ordinals.flatMap((ordinal) =>
    makeGroup({ ordinal, epoch: 1, previousEpoch: 1, payload: Buffer.alloc(size) }),
  );
  spool.append(Buffer.concat([...(format ? [formatRecord(format, from - 1)] : []), ...records]));
}

const shown = ({ firstOrdinal, lastOrdinal, completeOrdinal, format: known }: RecordBatch) =>
  `${firstOrdinal}-${lastOrdinal} (${completeOrdinal}) ${known}`;

it('hands out what the spool has after a place, and then what is appended; a new format ends a batch', async () => {
  groups(1, 5, { format: 'one' });
  groups(6, 7, { format: 'two' });
  const taken: RecordBatch[] = [];
  const catchUp = new SpoolCatchUp(spool, 2, (batch) => taken.push(batch) > 0);
  await catchUp.start();
  await until('it is at the end', () => taken.at(-1)?.completeOrdinal === 7);
  expect(taken.map(shown)).toEqual(['3-5 (5) one', '6-7 (7) two']);
  expect(taken.map(({ completeGtid }) => mariadb.gtidText(completeGtid))).toEqual([
    gtidIn(1, 5),
    gtidIn(1, 7),
  ]);
  expect(taken.every(({ startsGroup }) => startsGroup)).toBe(true);
  groups(8, 8);
  await until('it goes on', () => taken.at(-1)?.completeOrdinal === 8);
  catchUp.stop();
  groups(9, 9);
  await spool.flush();
  expect(taken.at(-1)?.completeOrdinal).toBe(8);
});

it('hands out nothing while its replica has no space, whatever is appended', async () => {
  groups(1, 20, { format: 'one', size: 60_000 });
  const taken: RecordBatch[] = [];
  const catchUp = new SpoolCatchUp(spool, 0, (batch) => taken.push(batch) < 0);
  await catchUp.start();
  await until('the first batch', () => taken.length === 1);
  groups(21, 22);
  await spool.flush();
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toHaveLength(1);
  while (taken.at(-1)?.completeOrdinal !== 22) {
    const before = taken.length;
    catchUp.resume();
    await until('the next batch', () => taken.length > before);
  }
  expect(
    taken.reduce((next, { firstOrdinal, lastOrdinal }) => (firstOrdinal === next ? lastOrdinal + 1 : -1), 1),
  ).toBe(23);
  catchUp.stop();
});

it('refuses a place before the beginning of the spool', async () => {
  for (const at of [1, 2, 3]) groups(at, at, { format: 'one', size: 60_000 });
  await spool.flush();
  spool.setCommitted(3);
  await spool.purge(3);
  expect(spool.begin).toBeGreaterThan(1);
  await expect(new SpoolCatchUp(spool, 0, () => true).start()).rejects.toMatchObject({
    code: 'SPOOL_PURGED',
  });
});

it('a witness says that its log begins later: there is no server to ask', async () => {
  await expect(new NoCatchUp('w3', 501).start()).rejects.toMatchObject({
    code: 'LOG_PURGED',
    message: expect.stringContaining('w3, a witness, begins at number 501'),
  });
});

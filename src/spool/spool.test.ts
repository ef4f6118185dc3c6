import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeFormat, makeGroup, mariadbGtidText } from '../../test/kit/spool/record-maker.js';
import { silentLogger } from '../std/logger.js';
import { showRecords, verify } from './inspect.js';
import { Spool } from './spool.js';
import type { SpoolOptions } from './spool-options.js';
import { diskStorage } from './storage.js';

/** The basics on a real disk; what a power cut does is in spool.simulation.test.ts. */
let directory: string;
let open: Spool[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-spool-'));
});

afterEach(async () => {
  for (const spool of open) await spool.close();
  open = [];
  await rm(directory, { recursive: true });
});

async function openSpool(options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await Spool.open(
    { directory, ...options },
    { storage: diskStorage, logger: silentLogger, gtidText: mariadbGtidText },
  );
  open.push(spool);
  return spool;
}

function group(ordinal: number, size = 100, fragments = 1, epoch = 1, previousEpoch = epoch): Buffer[] {
  return makeGroup({ ordinal, epoch, previousEpoch, payload: Buffer.alloc(size, ordinal), fragments });
}

const groups = (from: number, to: number, size = 100): Buffer =>
  Buffer.concat(Array.from({ length: to - from + 1 }, (_, index) => group(from + index, size)).flat());

async function readAll(spool: Spool, from: number, limit: number, bytesMax = 1000): Promise<Buffer> {
  const reader = spool.reader(from);
  const parts: Buffer[] = [];
  for (;;) {
    const part = await reader.next(limit, bytesMax);
    if (!part) break;
    parts.push(Buffer.from(part));
  }
  reader.close();
  return Buffer.concat(parts);
}

const FORMAT = makeFormat(0, 1, Buffer.from('format one'));

describe('a spool on a real disk', () => {
  test('is empty at first, and keeps what was durable over a restart', async () => {
    const spool = await openSpool();
    expect(spool.damage).toBeNull();
    expect(spool.begin).toBe(1);
    expect(spool.end).toEqual({ epoch: 0, ordinal: 0, gtid: '' });
    spool.append(FORMAT);
    expect(spool.append(groups(1, 10))).toBe(true);
    expect(spool.end.ordinal).toBe(10);
    expect(spool.durable.ordinal).toBe(0);
    await spool.flush();
    expect(spool.durable).toEqual({ epoch: 1, ordinal: 10, gtid: '0-1000001-10' });
    expect(spool.previousGtidOfDurable).toBe('0-1000001-9');
    spool.setCommitted(7);
    await spool.close();

    const again = await openSpool();
    expect(again.damage).toBeNull();
    expect(again.incarnation).toBe(spool.incarnation);
    expect(again.durable).toEqual(spool.durable);
    expect(again.previousGtidOfDurable).toBe('0-1000001-9');
    expect(again.committed()).toBe(7);
    expect(again.format?.toString()).toBe('format one');
    expect(await readAll(again, 1, 100)).toEqual(Buffer.concat([FORMAT, groups(1, 10)]));
    expect(await readAll(again, 4, 6)).toEqual(Buffer.concat([FORMAT, groups(4, 6)]));
  });

  test('reads the same from memory and from files, over many segments', async () => {
    const spool = await openSpool({ segmentBytesMax: 4096, tailBytesMax: 2000 });
    spool.append(FORMAT);
    const parts: Buffer[] = [];
    for (let ordinal = 1; ordinal <= 60; ordinal++) {
      for (const fragment of group(ordinal, ordinal * 40, (ordinal % 4) + 1)) {
        parts.push(fragment);
        spool.append(fragment);
      }
      if (ordinal % 3 === 0) await spool.flush();
    }
    await spool.flush();
    expect((await readdir(directory)).length).toBeGreaterThan(5);
    const all = Buffer.concat([FORMAT, ...parts]);
    expect(await readAll(spool, 1, 1000)).toEqual(all);
    expect(await readAll(spool, 1, 1000, 1)).toEqual(all);
    expect(await readAll(spool, 1, 1000, 1_000_000)).toEqual(all);
    await spool.close();
    expect(await readAll(await openSpool(), 1, 1000)).toEqual(all);
  });

  test('an idle spool says in its file how far it is synced', async () => {
    const spool = await openSpool({ idleMarkMs: 20 });
    spool.append(groups(1, 3));
    await spool.flush();
    const modules = { gtidText: mariadbGtidText };
    await vi.waitFor(async () => {
      const records = await showRecords(directory, 0, 100, modules);
      const [mark, group] = [records.at(-1), records.at(-2)];
      expect(mark).toMatchObject({ kind: 'mark', syncedOffset: (group?.offset ?? 0) + (group?.bytes ?? 0) });
    });
    expect((await verify(directory, modules)).summary).toBe('Sound: ordinals 1 to 3.');
    expect(spool.durable.ordinal).toBe(3);
  });

  test('cuts and purges', async () => {
    const spool = await openSpool({ segmentBytesMax: 2000, tailBytesMax: 500 });
    spool.append(FORMAT);
    for (let ordinal = 1; ordinal <= 60; ordinal++) {
      spool.append(groups(ordinal, ordinal));
      await spool.flush();
    }
    spool.setCommitted(30);
    await spool.purge(25);
    expect(spool.begin).toBeGreaterThan(1);
    expect(spool.begin).toBeLessThanOrEqual(25);
    expect(() => spool.reader(1)).toThrow(expect.objectContaining({ code: 'SPOOL_PURGED' }));
    await expect(spool.cut({ epoch: 1, ordinal: 40, gtid: '0-9-40' })).rejects.toMatchObject({
      code: 'SPOOL_DIVERGED',
    });
    await expect(spool.cut({ epoch: 1, ordinal: 29, gtid: '0-1000001-29' })).rejects.toMatchObject({
      code: 'SPOOL_CUT_COMMITTED',
    });
    await spool.cut({ epoch: 1, ordinal: 40, gtid: '0-1000001-40' });
    expect(spool.end.ordinal).toBe(40);
    spool.append(group(41, 50, 1, 2, 1)[0] ?? Buffer.alloc(0));
    await spool.flush();
    expect(spool.durable).toEqual({ epoch: 2, ordinal: 41, gtid: '0-1000002-41' });
    await spool.close();
    const again = await openSpool();
    expect(again.damage).toBeNull();
    expect(again.end).toEqual(spool.durable);
    const from = again.begin;
    expect(await readAll(again, from, 40)).toEqual(Buffer.concat([FORMAT, groups(from, 40)]));
  });
});

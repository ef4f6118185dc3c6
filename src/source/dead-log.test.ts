import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { gtidIn } from '../../test/kit/gtid.js';
import { LogFile } from '../../test/kit/log-file.js';
import { MARIADB_EVENT } from '../flavour/mariadb/event-types.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { Position } from '../model/position.js';
import { ORIGIN } from '../model/position.js';
import { EVENT, HEADER_AT, resealEvent } from '../mysql-protocol/events.js';
import { walkRecords } from '../wire/record.js';
import { type DeadLogEnd, type DeadLogOptions, readDeadLog } from './dead-log.js';
import { readLogEnd } from './log-end.js';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-dead-log-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

const FIRST = 'bin.000001';
const SECOND = 'bin.000002';
const after = (ordinal: number): Position => ({
  epoch: 1,
  ordinal,
  gtid: ordinal === 0 ? '' : gtidIn(1, ordinal),
});

async function save(files: Record<string, Buffer>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(dataDir, name), bytes);
  await writeFile(
    join(dataDir, 'bin.index'),
    Object.keys(files)
      .map((name) => `./${name}\n`)
      .join(''),
  );
}

interface Read extends DeadLogEnd {
  /** The events of each group that was passed on. */
  groups: Map<number, Buffer>;
}

async function read(from: number, options: Partial<DeadLogOptions> = {}): Promise<Read> {
  const groups = new Map<number, Buffer>();
  const end = await readDeadLog(
    { dataDir, after: after(from), ...options },
    {
      flavour: mariadb,
      chain: () => [epochEntry(1, ORIGIN)],
      batch: ({ bytes }) => {
        for (const { offset, header } of walkRecords(bytes)) {
          const payload = bytes.subarray(offset + header.payloadOffset, offset + header.size);
          groups.set(header.ordinal, Buffer.concat([groups.get(header.ordinal) ?? Buffer.alloc(0), payload]));
        }
        return true;
      },
      drained: async () => {},
    },
  );
  return { ...end, groups };
}

const ordinals = ({ groups }: Read) => [...groups.keys()];

it('reads the groups after a position, from file to file', async () => {
  const first = new LogFile()
    .transaction(1)
    .ddl(2, 'CREATE TABLE t (a INT)')
    .transaction(3)
    .transaction(4)
    .rotate(SECOND);
  const second = new LogFile([gtidIn(1, 4)])
    .event(MARIADB_EVENT.binlogCheckpoint, 'bin.000002')
    .transaction(5);
  await save({ [FIRST]: first.bytes, [SECOND]: second.bytes });

  expect(await read(0)).toMatchObject({ ordinal: 5, stopped: null });
  expect(ordinals(await read(0))).toEqual([1, 2, 3, 4, 5]);
  expect(ordinals(await read(3))).toEqual([4, 5]);
  expect(await read(5)).toMatchObject({ ordinal: 5, stopped: null, groups: new Map() });
});

it('passes on what a dump sends: every byte of a group, the texts of row changes only when asked for', async () => {
  const file = new LogFile().transaction(1);
  await save({ [FIRST]: file.bytes });
  const isText = (event: Buffer) => event[HEADER_AT.type] === MARIADB_EVENT.annotateRows;
  expect((await read(0, { annotated: true })).groups.get(1)).toEqual(Buffer.concat(file.events));
  const sent = file.events.filter((event) => !isText(event));
  expect((await read(0)).groups.get(1)).toEqual(Buffer.concat(sent));
});

it('leaves out a torn event and a group that is not finished, however large', async () => {
  const file = new LogFile().transaction(1).transaction(2, 3_000_000);
  const whole = file.bytes;
  const [, , , firstEnd, gtidEnd, , rowsEnd] = file.ends as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (const size of [
    rowsEnd,
    rowsEnd - 1,
    rowsEnd - 1_500_000,
    gtidEnd,
    gtidEnd - 1,
    firstEnd + 7,
    whole.length - 1,
  ]) {
    await save({ [FIRST]: whole.subarray(0, size) });
    const got = await read(0);
    expect(got, `cut to ${size} bytes`).toMatchObject({ ordinal: 1, stopped: null });
    expect(ordinals(got)).toEqual([1]);
  }
  await save({ [FIRST]: whole });
  expect((await read(0)).groups.get(2)?.length).toBeGreaterThan(3_000_000);
});

it('goes on behind the torn end of a server that died before this one', async () => {
  const first = new LogFile().transaction(1).transaction(2);
  const second = new LogFile([gtidIn(1, 1)]).transaction(2).transaction(3);
  await save({ [FIRST]: first.bytes.subarray(0, first.size - 3), [SECOND]: second.bytes });
  expect(ordinals(await read(0))).toEqual([1, 2, 3]);
  await save({ [FIRST]: second.bytes, [SECOND]: Buffer.from('\xfeb', 'latin1') });
  expect(await read(1), 'a file without a head').toMatchObject({ ordinal: 3, stopped: null });
  await writeFile(join(dataDir, 'bin.index'), './bin.000001\n./bin.0000');
  expect(await read(1), 'a line of the index that is not finished').toMatchObject({
    ordinal: 3,
    stopped: null,
  });
});

it('stops at damage, tells the file, and passes on what comes before it', async () => {
  const file = new LogFile().transaction(1).transaction(2, 200_000).transaction(3);
  const [, , , firstEnd, , , rowsEnd] = file.ends as [number, number, number, number, number, number, number];
  for (const [at, ordinal] of [
    [rowsEnd - 5, 1],
    [rowsEnd - 100_000, 1],
    [firstEnd + HEADER_AT.size, 1],
    [firstEnd + HEADER_AT.size + 3, 1],
    [file.size - 6, 2],
  ] as const) {
    const bytes = Buffer.from(file.bytes);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
    await save({ [FIRST]: bytes, [SECOND]: new LogFile([gtidIn(1, 3)]).transaction(4).bytes });
    const got = await read(0);
    expect(got, `byte ${at}`).toMatchObject({
      ordinal,
      stopped: { code: 'LOG_DAMAGED', data: { file: FIRST } },
    });
    expect(ordinals(got)).toEqual([1, 2].slice(0, ordinal));
  }
});

it('takes the flag of a file in use for no damage', async () => {
  const bytes = Buffer.from(new LogFile().transaction(1).bytes);
  bytes.writeUInt16LE(1, 4 + HEADER_AT.flags);
  await save({ [FIRST]: bytes });
  expect(await read(0)).toMatchObject({ ordinal: 1, stopped: null });
});

it('takes events that do not name their end for no damage: 11.8 writes them inside of transactions', async () => {
  const file = new LogFile().transaction(1).transaction(2, 100_000);
  const bytes = Buffer.from(file.bytes);
  for (const [i, end] of file.ends.entries()) {
    const event = bytes.subarray(end - (file.events[i]?.length ?? 0), end);
    if (event[HEADER_AT.type] !== MARIADB_EVENT.writeRowsV1) continue;
    event.writeUInt32LE(0, HEADER_AT.endPosition);
    resealEvent(event);
  }
  await save({ [FIRST]: bytes });
  expect(await read(0)).toMatchObject({ ordinal: 2, stopped: null });
  await save({ [FIRST]: bytes.subarray(0, -50_000) });
  expect(await read(0)).toMatchObject({ ordinal: 1, stopped: null });
});

it('names what it cannot read: encryption, unknown events, another history, a part that is gone', async () => {
  const codeOf = async (from: number, ...files: LogFile[]) => {
    await save(Object.fromEntries(files.map((file, i) => [`bin.00000${i + 1}`, file.bytes])));
    const { ordinal, stopped } = await read(from);
    return `${stopped?.code} after ${ordinal}`;
  };
  const one = () => new LogFile().transaction(1);
  expect(await codeOf(0, one().event(MARIADB_EVENT.startEncryption, Buffer.alloc(17)))).toBe(
    'LOG_ENCRYPTED after 1',
  );
  expect(await codeOf(0, one().event(99))).toBe('UNKNOWN_EVENT after 1');
  expect(await codeOf(0, one().event(EVENT.xid))).toBe('UNEXPECTED_EVENT after 1');
  expect(await codeOf(0, one().transaction(3))).toBe('FOREIGN_TRANSACTION after 1');
  expect(await codeOf(0, one().gtid(7, { domain: 1 }).event(EVENT.xid))).toBe('FOREIGN_TRANSACTION after 1');
  expect(await codeOf(1, new LogFile().gtid(1, { serverId: 5 }).event(EVENT.xid).transaction(2))).toBe(
    'LOG_DIFFERS after 1',
  );
  expect(await codeOf(1, new LogFile([gtidIn(1, 2)]).transaction(3))).toBe('LOG_PLACE_GONE after 1');
  await writeFile(join(dataDir, FIRST), 'something else');
  expect(await read(0)).toMatchObject({ stopped: { code: 'LOG_DAMAGED' } });
  await rm(join(dataDir, FIRST));
  expect(await read(0)).toMatchObject({ stopped: { code: 'LOG_UNREADABLE' } });
  await rm(join(dataDir, 'bin.index'));
  expect(await read(0)).toMatchObject({ stopped: { code: 'LOG_UNREADABLE' } });
});

it('waits when its owner cannot take more, and ends with the signal', async () => {
  const file = new LogFile();
  for (let ordinal = 1; ordinal <= 10; ordinal++) file.transaction(ordinal, 900_000);
  await save({ [FIRST]: file.bytes });
  let waits = 0;
  const ending = new AbortController();
  const reading = readDeadLog(
    { dataDir, after: after(0), signal: ending.signal },
    {
      ...{ flavour: mariadb, chain: () => [epochEntry(1, ORIGIN)], batch: () => false },
      drained: async () => {
        waits += 1;
        if (waits === 3) ending.abort(new Error('the role ended'));
      },
    },
  );
  await expect(reading).rejects.toThrow('the role ended');
  expect(waits).toBe(3);
});

it('tells where the log ends, whatever the heads of later files say', async () => {
  const endOf = async (...files: Buffer[]) => {
    await save(Object.fromEntries(files.map((file, i) => [`bin.00000${i + 1}`, file])));
    return readLogEnd(dataDir, { flavour: mariadb });
  };
  const first = new LogFile().transaction(1).transaction(2);
  const list = (ordinal: number) => new LogFile([gtidIn(1, ordinal)]).bytes;
  const end = (ordinal: number, isTorn = false) => ({ gtid: after(ordinal).gtid, isTorn });
  expect(await endOf(first.bytes)).toEqual(end(2));
  expect(await endOf(first.bytes, list(2), list(2))).toEqual(end(2));
  expect(await endOf(first.bytes, list(4)), 'a server counts on after it truncated its log').toEqual(end(2));
  expect(await endOf(list(7))).toEqual(end(7));
  expect(await endOf(new LogFile().bytes)).toEqual(end(0));
  expect(await endOf(first.bytes.subarray(0, first.size - 1))).toEqual(end(1, true));
  expect(await endOf(first.bytes.subarray(0, first.ends[6]), list(1)), 'between two events').toEqual(
    end(1, true),
  );
  const rows = new LogFile().transaction(1).transaction(2, 100_000);
  expect(await endOf(rows.bytes.subarray(0, -50_000)), 'in a large event').toEqual(end(1, true));
  const bytes = Buffer.from(first.bytes);
  bytes.writeUInt8(1, bytes.length - 1);
  await expect(endOf(bytes)).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
});

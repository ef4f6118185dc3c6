import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { gtidIn } from '../../../test/kit/gtid.js';
import { LogFile } from '../../../test/kit/log-file.js';
import { makeGroup } from '../../../test/kit/spool/record-maker.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { SkeinError } from '../../model/error.js';
import { ORIGIN, type Position } from '../../model/position.js';
import type { RecordBatch } from '../../model/records.js';
import { readDeadLog } from '../../source/dead-log.js';
import { GroupAssembler } from '../../source/group-assembler.js';
import { Spool } from '../../spool/spool.js';
import { diskStorage } from '../../spool/storage.js';
import { Emitter } from '../../std/emitter.js';
import { silentLogger } from '../../std/logger.js';
import { ChainFile } from '../chain-file.js';
import { Epochs } from '../epochs.js';
import { OwnLog, type OwnLogDump } from './own-log.js';

let directory: string;
let spool: Spool;
let epochs: Epochs;

const positionAt = (ordinal: number): Position =>
  ordinal === 0 ? ORIGIN : { epoch: 1, ordinal, gtid: gtidIn(1, ordinal) };
const binary = (ordinal: number) =>
  ordinal === 0 ? Buffer.alloc(0) : Buffer.from(mariadb.gtidBinary(positionAt(ordinal).gtid));

const FORMAT = Buffer.from('a format description');

/** Groups of epoch 1, as a source makes them. */
function batch(from: number, to: number, format = FORMAT): RecordBatch {
  const ordinals = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const bytes = Buffer.concat(
    ordinals.flatMap((ordinal) =>
      makeGroup({ ordinal, epoch: 1, previousEpoch: 1, payload: Buffer.alloc(100) }),
    ),
  );
  const facts = { firstOrdinal: from, lastOrdinal: to, completeOrdinal: to, startsGroup: true };
  return { bytes, ...facts, completeGtid: binary(to), format };
}

/** A server's log with this many groups, from `begin` on; it sends two at a time. */
class Log {
  readonly dumps: number[] = [];
  constructor(
    readonly end: number,
    readonly begin = 0,
    readonly error: SkeinError | null = null,
  ) {}

  dump(after: Position, take: (batch: RecordBatch) => boolean): OwnLogDump {
    this.dumps.push(after.ordinal);
    const onEnded = new Emitter<SkeinError>();
    let at = after.ordinal;
    let stopped = false;
    const resume = () => {
      if (this.error) onEnded.emit(this.error);
      if (at < this.begin) throw purged();
      while (!stopped && !this.error && at < this.end) {
        const to = Math.min(at + 2, this.end);
        const goOn = take(batch(at + 1, to));
        at = to;
        if (!goOn) return;
      }
    };
    return { onEnded, resume, start: async () => resume(), stop: () => (stopped = true) };
  }
}

const purged = () =>
  new SkeinError('DUMP_ENDED', 'Could not find GTID state requested by slave in any binlog files.', {
    data: { refusal: 'purged' },
  });

function ownLog(log: Log, heard: number[] = [], failures: SkeinError[] = []): OwnLog {
  return new OwnLog({
    ...{ logger: silentLogger, flavour: mariadb, spool, epochs },
    committed: () => 0,
    dump: (after, take) => log.dump(after, take),
    durable: (ordinal) => heard.push(ordinal),
    drained: () => {},
    failed: (error) => failures.push(error),
  });
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-own-log-'));
  const chainFile = new ChainFile(directory);
  await chainFile.save([epochEntry(1, ORIGIN)]);
  epochs = new Epochs({ flavour: mariadb, chainFile });
  spool = await Spool.open(
    { directory: join(directory, 'spool'), pendingBytesMax: 300 },
    { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText },
  );
});

afterEach(async () => {
  await spool.close();
  await rm(directory, { recursive: true });
});

const never = new AbortController().signal;

it('appends what is read, passes over what the spool has, and tells what is durable', async () => {
  const heard: number[] = [];
  const own = ownLog(new Log(0), heard);
  own.take(batch(1, 3));
  // A new dump begins before the end of the one before.
  own.take(batch(2, 4));
  own.take(batch(3, 3));
  await spool.flush();
  expect([own.end, own.durable]).toEqual([positionAt(4), positionAt(4)]);
  expect(heard.at(-1)).toBe(4);
  expect(spool.format).toEqual(FORMAT);
  own.stop();
  const count = heard.length;
  spool.append(batch(5, 5).bytes);
  await spool.flush();
  expect(heard.length, 'the spool is of another role now').toBe(count);
});

it('copies what the server has more, however little the spool can take at once', async () => {
  const log = new Log(50);
  const own = ownLog(log);
  await own.reach(positionAt(7), never);
  await own.reach(positionAt(50), never);
  expect([log.dumps[0], spool.durable, spool.begin]).toEqual([0, positionAt(50), 1]);
  expect(log.dumps.length, 'one dump for each copy').toBe(2);
  await own.reach(positionAt(50), never);
  expect(log.dumps.length, 'nothing was missing').toBe(2);
});

it('begins the spool at the end of the log when the server has purged what is missing, or it is too much', async () => {
  const log = new Log(20, 5);
  const heard: number[] = [];
  await ownLog(log, heard).reach(positionAt(20), never);
  expect(heard, 'it counts with what the server has').toEqual([20]);
  expect([log.dumps, spool.durable, spool.begin]).toEqual([[0], positionAt(20), 21]);
  const long = new Log(200_000);
  await ownLog(long).reach(positionAt(200_000), never);
  expect([long.dumps, spool.durable]).toEqual([[], positionAt(200_000)]);
});

it('refuses a server whose log has another group at the end of the spool', async () => {
  const own = ownLog(new Log(3));
  await own.reach(positionAt(3), never);
  const other = { epoch: 1, ordinal: 3, gtid: '0-999-3' };
  await expect(own.reach(other, never)).rejects.toMatchObject({ code: 'OWN_LOG_DIFFERS' });
});

it('gives up with the error of the dump, and with the reason of its signal', async () => {
  const broken = new Log(3, 0, new SkeinError('DUMP_ENDED', 'the server went away'));
  await expect(ownLog(broken).reach(positionAt(3), never)).rejects.toMatchObject({ code: 'DUMP_ENDED' });
  const role = new AbortController();
  const waiting = ownLog(new Log(2)).reach(positionAt(3), role.signal);
  setTimeout(() => role.abort(new Error('the role ended')), 10);
  await expect(waiting).rejects.toThrow('the role ended');
});

it('a group that the source had begun is taken whole from the files of the dead server', async () => {
  const file = new LogFile().transaction(1).transaction(2, 3_000_000).transaction(3);
  await writeFile(join(directory, 'bin.000001'), file.bytes);
  await writeFile(join(directory, 'bin.index'), './bin.000001\n');
  const own = ownLog(new Log(0));
  const modules = {
    flavour: mariadb,
    chain: () => [epochEntry(1, ORIGIN)],
    batch: (read: RecordBatch) => own.take(read),
  };
  // The server died when it had sent the first transaction and the most of the second one.
  const source = new GroupAssembler(
    { ordinal: 0, gtid: Buffer.alloc(0) },
    { ...modules, wallClockMs: Date.now, ackWanted: () => {}, ended: () => {} },
  );
  source.event(file.format, false);
  for (const event of file.events.slice(0, 7)) source.event(event, false);
  source.flush();
  expect(spool.end.ordinal).toBe(1);

  const drained = async () => {
    await new Promise<void>((resolve) => spool.onDrain.on(resolve));
  };
  const end = await readDeadLog({ dataDir: directory, after: spool.end }, { ...modules, drained });
  expect(end).toEqual({ ordinal: 3, stopped: null });
  await spool.flush();
  expect(own.durable).toEqual(positionAt(3));
  own.stop();
  await spool.close();
  const again = await Spool.open(
    { directory: join(directory, 'spool') },
    { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText },
  );
  expect([again.end.ordinal, again.damage]).toEqual([3, null]);
  await again.close();
});

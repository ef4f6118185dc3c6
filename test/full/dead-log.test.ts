import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mariadb } from '../../src/flavour/mariadb/mariadb.js';
import type { SkeinError } from '../../src/model/error.js';
import type { Position } from '../../src/model/position.js';
import { ORIGIN } from '../../src/model/position.js';
import type { RecordBatch } from '../../src/model/records.js';
import { type DeadLogEnd, readDeadLog } from '../../src/source/dead-log.js';
import { readLogEnd } from '../../src/source/log-end.js';
import { Source } from '../../src/source/source.js';
import { silentLogger } from '../../src/std/logger.js';
import { sleep } from '../../src/std/timing.js';
import { walkRecords } from '../../src/wire/record.js';
import { epochEntry } from '../kit/chain-entry.js';
import { LoneServer, positionAt } from '../kit/lone-server.js';
import { seededRandom } from '../kit/random.js';
import { run, withSql } from '../kit/sql-node.js';
import { until } from '../kit/until.js';

/**
 * What the reader of a dead server's files passes on is what the server would have sent: a server is killed while clients write,
 * and its files are compared, byte for byte, with a dump of the server after its restart.
 */
const KILLS = Number(process.env.SKEIN_TEST_DEAD_LOGS ?? 3);
const CATCH_UP_ID = 3_950_000_000;

let server: LoneServer;
let rounds = 0;

beforeAll(async () => {
  server = await LoneServer.start({
    // Small files: each round has many. What a recovery logs waits for nobody, as on a node.
    extraArgs: ['--max-binlog-size=64K', '--rpl-semi-sync-master-enabled=0'],
    recoveryServerId: () => mariadb.epochServerId(1),
  });
  await withSql(server, async (connection) => {
    await run(connection, 'CREATE DATABASE t');
    await run(connection, 'CREATE TABLE t.t (id INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB)');
  });
});

afterAll(() => server?.dispose());

/** The events of each group, and the number of the last whole one. */
class Groups {
  readonly bytes = new Map<number, Buffer[]>();
  readonly formats = new Map<number, Buffer>();
  complete = 0;

  take(batch: RecordBatch): boolean {
    for (const { offset, header } of walkRecords(batch.bytes)) {
      const payload = batch.bytes.subarray(offset + header.payloadOffset, offset + header.size);
      const parts = this.bytes.get(header.ordinal) ?? [];
      parts.push(Buffer.concat([Buffer.from([header.flags]), header.gtid, header.previousGtid, payload]));
      this.bytes.set(header.ordinal, parts);
      this.formats.set(header.ordinal, batch.format);
    }
    this.complete = batch.completeOrdinal;
    return true;
  }

  /** All that comes after a position, for a comparison. */
  after(ordinal: number): Buffer {
    const wanted = [...this.bytes.entries()].filter(([at]) => at > ordinal && at <= this.complete);
    return Buffer.concat(wanted.flatMap(([at, parts]) => [this.formats.get(at) as Buffer, ...parts]));
  }
}

interface DumpOf {
  groups: Groups;
  /** Why it ended by itself. */
  ended(): SkeinError | null;
  stop(): void;
}

async function dump(after: Position, annotated: boolean): Promise<DumpOf> {
  const groups = new Groups();
  const source = new Source(
    { target: server.dumpTarget, serverId: CATCH_UP_ID + rounds++, after, semiSync: false, annotated },
    {
      ...{
        flavour: mariadb,
        logger: silentLogger,
        chain: () => [epochEntry(1, ORIGIN)],
        batch: (batch) => groups.take(batch),
      },
    },
  );
  let error: SkeinError | null = null;
  source.onEnded.on((ended) => {
    error = ended;
  });
  await source.start();
  return { groups, ended: () => error, stop: () => source.stop() };
}

async function readFiles(after: Position, annotated: boolean): Promise<DeadLogEnd & { groups: Groups }> {
  const groups = new Groups();
  const end = await readDeadLog(
    { dataDir: server.dataFile(''), after, annotated },
    {
      ...{ flavour: mariadb, chain: () => [epochEntry(1, ORIGIN)], batch: (batch) => groups.take(batch) },
      drained: async () => {},
    },
  );
  return { ...end, groups };
}

const index = async () =>
  (await readFile(server.dataFile('bin.index'), 'utf8'))
    .trim()
    .split('\n')
    .map((path) => basename(path));

/** Runs until its server dies. */
async function client(work: (connection: Connection, turn: number) => Promise<unknown>): Promise<void> {
  const connection = await server.connectAs('skein', { database: 't' });
  connection.on('error', () => {});
  try {
    for (let turn = 0; ; turn++) await work(connection, turn);
  } catch {
    connection.destroy();
  }
}

/** Small and large transactions, DDL and XA, all at once. `name` makes names of this round. */
function clients(name: string): Promise<void>[] {
  const small = () =>
    client((connection) => run(connection, 'INSERT INTO t (b) VALUES (REPEAT(RAND(), 20)), (NULL), (1)'));
  return [
    small(),
    small(),
    small(),
    client((connection) => run(connection, `INSERT INTO t (b) SELECT REPEAT(RAND(), 1000) FROM seq_1_to_40`)),
    client(async (connection, turn) => {
      await run(connection, `CREATE TABLE ${name}_${turn} (id INT PRIMARY KEY) SELECT 1 AS id`);
      await run(connection, `ALTER TABLE ${name}_${turn} ADD c INT DEFAULT 7, ALGORITHM=COPY`);
      await run(connection, `DROP TABLE ${name}_${turn}`);
    }),
    client(async (connection, turn) => {
      const branch = `'${name}_${turn}'`;
      for (const sql of [`XA START ${branch}`, 'INSERT INTO t (b) VALUES (2)', `XA END ${branch}`])
        await run(connection, sql);
      await run(connection, `XA PREPARE ${branch}`);
      await run(connection, `XA ${turn % 3 === 0 ? 'ROLLBACK' : 'COMMIT'} ${branch}`);
    }),
    client(async (connection) => {
      await run(connection, 'INSERT INTO t (b) VALUES (REPEAT(1, 20000000))');
      await run(connection, 'DELETE FROM t ORDER BY id LIMIT 2000');
    }),
  ];
}

const random = seededRandom(20_261_127);

it('has what a dump of the restarted server has, at each kill', async () => {
  for (let round = 0; round < KILLS; round++) await killAndCompare(round);
});

async function killAndCompare(round: number): Promise<void> {
  const annotated = round % 2 === 0;
  const begin = positionAt(Number((await server.ask('SELECT @@gtid_binlog_pos'))?.split('-')[2]));
  const alive = await dump(begin, annotated);
  const working = clients(`r${round}`);
  await until('clients write', () => alive.groups.complete > begin.ordinal + 100, { intervalMs: 5 });
  await sleep(random.int(0, 400));
  await server.kill();
  await Promise.all(working);
  // What the node had read when the server died: it goes on behind that.
  const had = positionAt(alive.groups.complete);
  alive.stop();

  const files = await index();
  const whole = await readFiles(begin, annotated);
  expect(whole.stopped).toBe(null);
  const rest = await readFiles(had, annotated);
  expect(rest).toMatchObject({ stopped: null, ordinal: whole.ordinal });
  expect(rest.groups.after(0).equals(whole.groups.after(had.ordinal))).toBe(true);
  expect(alive.groups.after(0).equals(whole.groups.after(0).subarray(0, alive.groups.after(0).length))).toBe(
    true,
  );

  const end = await readLogEnd(server.dataFile(''), { flavour: mariadb });
  expect(end.gtid).toBe(positionAt(whole.ordinal).gtid);
  await server.startAgain();
  const ownFile = (await index()).find((name) => !files.includes(name));
  const before = await server.control.logFileBegin(String(ownFile));
  expect(before, 'what the server counts as logged before its death').toBe(positionAt(whole.ordinal).gtid);
  const again = await dump(begin, annotated);
  await until('the dump has it all', () => again.groups.complete >= whole.ordinal || again.ended() !== null);
  again.stop();
  again.groups.complete = Math.min(again.groups.complete, whole.ordinal);
  const dumped = again.groups.after(0);
  expect(dumped.equals(whole.groups.after(0).subarray(0, dumped.length)), 'byte for byte').toBe(true);
  // A server cannot dump a file that it had not finished writing when it died.
  if (again.groups.complete < whole.ordinal)
    expect([end.isTorn, again.ended()?.data.errno]).toEqual([true, 1236]);
  expect(whole.groups.after(0).length).toBeGreaterThan(100_000);
  await server.control.openAsPrimary({ serverId: mariadb.epochServerId(1) });
}

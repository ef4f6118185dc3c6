/** What only one server has is kept before its data is replaced: from a real binary log, byte by byte; and on a full disk. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepExtra } from '../../src/recovered/keep.js';
import { listRecovered } from '../../src/recovered/list.js';
import { binlogProgramOf } from '../../src/server-packages/server-binary.js';
import { LoneServer } from '../kit/lone-server.js';
import { SmallDisk } from '../kit/small-disk.js';
import { snapshotTools } from '../kit/snapshots.js';
import { run, withSql } from '../kit/sql-node.js';

let directory: string;
const signal = new AbortController().signal;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-recovered-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const options = (over: object = {}) => ({
  ...{ directory, node: 'n2', dataDir: join(directory, 'data'), reason: 'the test' },
  program: 'false',
  isClusters: (gtid: string) => gtid.startsWith('0-1000001-'),
  ...over,
});

/** In a session that begins with this server id, and whose commits wait for nobody. */
async function write(server: LoneServer, serverId: number, ...statements: string[]): Promise<void> {
  await withSql(server, async (own) => {
    await run(own, 'SET GLOBAL rpl_semi_sync_master_enabled = 0');
    await run(own, `SET GLOBAL server_id = ${serverId}`);
  });
  await withSql(server, async (own) => {
    for (const sql of statements) await run(own, sql);
  });
}

it('transactions of a server of its own, with bytes of any kind, behind several files of the log', async () => {
  const { binary } = await snapshotTools();
  const server = await LoneServer.start();
  try {
    await write(
      server,
      1_000_001,
      'CREATE DATABASE d',
      'CREATE TABLE d.t (id INT PRIMARY KEY, b LONGBLOB, l VARCHAR(20) CHARACTER SET latin1)',
      "INSERT INTO d.t VALUES (1, 'of the cluster', '')",
      'FLUSH BINARY LOGS',
    );
    await write(
      server,
      2_000_000_007,
      "INSERT INTO d.t VALUES (2, CONCAT(x'c3e4ff80', REPEAT('long', 50000), x'e2'), x'fcdf')",
      'FLUSH BINARY LOGS',
      'FLUSH BINARY LOGS',
      "INSERT INTO d.t VALUES (3, 'the last', '')",
    );
    const said = await keepExtra(
      options({ dataDir: server.dataFile('.'), program: binlogProgramOf(binary) }),
      signal,
    );
    expect(said).toMatch(/^2 transactions/);
    const [entry] = await listRecovered(directory);
    expect(entry).toMatchObject({ transactions: 2, unreadable: null, first: '0-2000000007-4' });
    const file = join(directory, 'recovered', entry?.name ?? '', 'transactions.sql');
    const text = await readFile(file, 'latin1');
    expect(text).toContain(`@2='\u00c3\u00e4\u00ff\u0080${'long'.repeat(50_000)}\u00e2'`);
    expect(text).toContain("@3='\u00fc\u00df'");
    expect(text).toContain('the last');
    expect(text).not.toContain('of the cluster');
  } finally {
    await server.dispose();
  }
});

/** Prints one transaction of 3 MB, whatever file it is asked for. */
async function talkative(): Promise<string> {
  const printed = join(directory, 'printed');
  const head = '# at 4\n#261127  8:31:56 server id 7  end_log_pos 9 CRC32 0x0 \tGTID 0-2000000007-6 trans\n';
  await writeFile(printed, head + "###   @1='row'\n".repeat(200_000));
  const program = join(directory, 'program');
  await writeFile(program, `#!/bin/sh\nexec cat ${printed}\n`);
  await chmod(program, 0o755);
  return program;
}

async function dataOf(node: string): Promise<void> {
  await mkdir(join(node, 'data'), { recursive: true });
  await writeFile(join(node, 'data', 'bin.000001'), 'a log');
}

it('a disk without room is said, and leaves nothing; the log is not taken for unreadable', async (test) => {
  const small = join(directory, 'small');
  const disk = SmallDisk.mount(small, 1024 * 1024);
  if (disk === null) return test.skip('mounting a small disk is not permitted here');
  try {
    await dataOf(small);
    const kept = keepExtra(
      options({ directory: small, dataDir: join(small, 'data'), program: await talkative() }),
      signal,
    );
    await expect(kept).rejects.toMatchObject({
      code: 'EXTRA_NOT_KEPT',
      message: expect.stringContaining('ENOSPC'),
    });
    expect(await readdir(join(small, 'recovered'))).toEqual([]);
    expect(existsSync(join(small, 'data', 'bin.000001'))).toBe(true);
  } finally {
    disk.unmount();
  }
});

it('the files of a log that cannot be read are kept, whatever its index says', async () => {
  await dataOf(directory);
  await writeFile(join(directory, 'data', 'bin.index'), '');
  expect(await keepExtra(options(), signal)).toMatch(/could not be read/);
  const [entry] = await listRecovered(directory);
  expect(entry).toMatchObject({ transactions: null });
  const kept = join(directory, 'recovered', entry?.name ?? '', 'binlog', 'bin.000001');
  expect(await readFile(kept, 'utf8')).toBe('a log');
});

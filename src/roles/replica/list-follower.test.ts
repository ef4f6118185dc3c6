import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { until } from '../../../test/kit/until.js';
import type { ChainEntry, ChainPlace } from '../../model/chain.js';
import type { SkeinError } from '../../model/error.js';
import { ORIGIN } from '../../model/position.js';
import { silentLogger } from '../../std/logger.js';
import { ChainFile } from '../chain-file.js';
import { ListFollower } from './list-follower.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-list-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const member = (name: string) => ({
  ...{
    name,
    incarnation: name,
    voter: true,
    link: { host: name, port: 1 },
    http: name,
    mysqlRw: null,
    mysqlRo: null,
  },
});
const list = (number: number, ordinal: number, ...names: string[]): ChainEntry => ({
  ...epochEntry(1, { epoch: 1, ordinal, gtid: `0-1-${ordinal}` }, names.map(member)),
  number,
});

async function setUp(durable: number) {
  const chainFile = new ChainFile(directory);
  await chainFile.save([epochEntry(1, ORIGIN, [member('n1')])]);
  const state = { durable };
  const adopted: ChainPlace[] = [];
  const failed: SkeinError[] = [];
  const follower = new ListFollower({
    ...{ logger: silentLogger, chainFile, durable: () => state.durable },
    adopted: (place) => adopted.push(place),
    chainChanged: () => {},
    fail: (error) => failed.push(error),
  });
  const onDisk = async () => {
    const file = new ChainFile(directory);
    await file.load();
    return file.chain.map(
      ({ number, members }) => `${number}${members ? ` ${members.map(({ name }) => name)}` : ''}`,
    );
  };
  return { chainFile, state, adopted, failed, follower, onDisk };
}

it('adopts a list when the log has reached it, and tells the primary when the list is on the disk', async () => {
  const { state, adopted, follower, onDisk } = await setUp(3);
  follower.take({ entry: list(1, 5, 'n1', 'n2'), settled: false });
  await until('the list is on the disk', async () => (await onDisk()).length === 2);
  expect(follower.adopted()).toEqual({ epoch: 1, number: 0 });
  state.durable = 4;
  follower.logMoved();
  expect(adopted.filter(({ number }) => number > 0)).toEqual([]);
  state.durable = 5;
  follower.logMoved();
  expect(adopted.at(-1)).toEqual({ epoch: 1, number: 1 });
});

it('a list that was taken is in the queue of the chain at once: a vote waits until it is written (rule E13)', async () => {
  const { chainFile, follower } = await setUp(9);
  follower.take({ entry: list(1, 5, 'n1', 'n2'), settled: true });
  follower.take({ entry: list(2, 7, 'n1'), settled: true });
  await new Promise((resolve) => setImmediate(resolve));
  await chainFile.change((chain) => chain);
  expect(chainFile.chain.at(-1)?.number).toBe(2);
});

it('forgets the previous list when the newest is settled, and ignores old entries', async () => {
  const { adopted, follower, onDisk, failed } = await setUp(9);
  follower.take({ entry: list(1, 5, 'n1', 'n2'), settled: false });
  follower.take({ entry: list(1, 5, 'n1', 'n2'), settled: true });
  follower.take({ entry: epochEntry(1, ORIGIN, [member('n9')]), settled: true });
  follower.take({ entry: list(2, 7, 'n1'), settled: false });
  await until('both are adopted', () => adopted.at(-1)?.number === 2);
  expect(await onDisk()).toEqual(['0', '1 n1,n2', '2 n1']);
  expect(failed).toEqual([]);
});

it('ends the process when an entry does not continue its chain', async () => {
  const { follower, failed } = await setUp(9);
  follower.take({ entry: list(4, 5, 'n1', 'n2'), settled: false });
  await until('it has failed', () => failed.length > 0);
  expect(failed[0]).toMatchObject({ code: 'CHAIN_UNWRITTEN' });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { countedLists } from '../model/chain.js';
import type { ListedMember } from '../model/members.js';
import { ORIGIN } from '../model/position.js';
import { mariadb } from '../mysql-protocol/mariadb.js';
import { silentLogger } from '../std/logger.js';
import { ChainFile } from './chain-file.js';
import { Epochs } from './epochs.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-epochs-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const member = (name: string, voter = true): ListedMember => ({
  ...{ name, incarnation: name, voter, link: { host: name, port: 1 } },
  ...{ http: name, mysqlRw: null, mysqlRo: null },
});
const ONE = [member('n1')];
const ADDED = [member('n1'), member('n2', false)];

async function setUp() {
  const chainFile = new ChainFile(directory);
  await chainFile.save([epochEntry(1, ORIGIN, ONE)]);
  const epochs = new Epochs({ logger: silentLogger, flavour: mariadb, chainFile });
  await epochs.enter(ADDED, 0);
  const entry = epochs.chain.at(-1);
  if (!entry) throw new Error('no entry');
  const onDisk = async () => {
    const file = new ChainFile(directory);
    await file.load();
    return file.chain;
  };
  return { epochs, entry, onDisk };
}

it('a list that is settled while the next epoch begins does not withdraw that epoch', async () => {
  const { epochs, entry, onDisk } = await setUp();
  await Promise.all([epochs.begin(2, ORIGIN, 'n1'), epochs.settle(entry)]);
  expect(epochs.current).toBe(2);
  expect(countedLists(epochs.chain)).toEqual([['n1'], ['n1']]);
  expect(await onDisk()).toEqual(epochs.chain);
});

it('a list that is entered while the next epoch begins is refused, because its epoch has ended', async () => {
  const { epochs, onDisk } = await setUp();
  const begun = epochs.begin(2, ORIGIN, 'n1');
  await expect(epochs.enter(ONE, 0)).rejects.toMatchObject({ code: 'ROLE_LOST' });
  await begun;
  expect(epochs.chain.at(-1)).toMatchObject({ epoch: 2, number: 0, members: ADDED });
  expect(await onDisk()).toEqual(epochs.chain);
});

it('only an epoch that no other node knows can be withdrawn', async () => {
  const { epochs, entry } = await setUp();
  const before = epochs.chain;
  await epochs.begin(2, ORIGIN, 'n1');
  epochs.withdraw();
  await epochs.settle(entry);
  expect(epochs.current).toBe(before.at(-1)?.epoch);
  await epochs.begin(3, ORIGIN, 'n1');
  epochs.announced();
  epochs.withdraw();
  await epochs.settle(entry);
  expect(epochs.current).toBe(3);
});

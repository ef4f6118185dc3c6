import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../test/kit/chain-entry.js';
import { gtidIn } from '../../test/kit/gtid.js';
import { promiseFile } from '../election/promise.js';
import { EventLog } from '../events/event-log.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { Chain } from '../model/chain.js';
import { ORIGIN } from '../model/position.js';
import { listRecovered } from '../recovered/list.js';
import { silentLogger } from '../std/logger.js';
import { ChainFile } from './chain-file.js';
import { openSpool } from './open-spool.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-open-spool-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const contact = { host: '127.0.0.1', port: 7083 };
const e1 = epochEntry(1, ORIGIN);
const e2 = epochEntry(2, { epoch: 1, ordinal: 3, gtid: gtidIn(1, 3) });

async function opened(name: string, chain: Chain, first = contact as typeof contact | null) {
  const chainFile = new ChainFile(directory);
  await chainFile.save(chain);
  const events = new EventLog({ node: name }, { logger: silentLogger, audit: { add: () => {} } });
  const config = { name, directory, spoolSegmentBytes: 1024 ** 2, contact: first };
  return (await openSpool(config, { logger: silentLogger, flavour: mariadb, events, chainFile })).spool;
}

/** A spool whose records end in epoch 2; its incarnation. */
async function spoolOfEpoch2(name: string): Promise<string> {
  const spool = await opened(name, [e1, e2]);
  const [gtid, previousGtid] = [4, 3].map((ordinal) => mariadb.gtidBinary(gtidIn(2, ordinal)));
  if (!gtid || !previousGtid) throw new Error('no name');
  await spool.restartAfter({ epoch: 2, ordinal: 4, gtid, previousGtid });
  await spool.close();
  return spool.incarnation;
}

it.each<[what: string, node: string, chain: Chain, first: typeof contact | null, isKept: boolean]>([
  ['fits it', 'n2', [e1, e2], contact, true],
  ['was lost', 'n2', [], contact, false],
  ['is older', 'n2', [e1], contact, false],
  // Such a node is closed until it is given its chain back.
  ['was lost, without which the node is nothing', 'n1', [], null, true],
  ['is older, on the primary', 'n1', [e1], null, true],
])('a chain that %s', async (_what, node, chain, first, isKept) => {
  const incarnation = await spoolOfEpoch2(node);
  const spool = await opened(node, chain, first);
  expect(spool.incarnation === incarnation).toBe(isKept);
  expect(spool.end.ordinal).toBe(isKept ? 4 : 0);
  expect(readdirSync(directory).includes('spool.damaged-1')).toBe(!isKept);
  await spool.close();
});

it.each<[what: string, beginsAfter: number, inChain: boolean, transactions: number | null | 'stays']>([
  ['goes beyond the beginning of a forced epoch is kept', 3, true, 1],
  ['is all in the history of a forced epoch stays', 4, true, 'stays'],
  ['ends in an epoch that the forced history does not have is kept', 9, false, null],
])('a log that %s', async (_what, beginsAfter, inChain, transactions) => {
  const incarnation = await spoolOfEpoch2('n2');
  const epoch = inChain ? 2 : 1;
  const forced = epochEntry(11_000_000, {
    ...{ epoch, ordinal: beginsAfter, gtid: gtidIn(epoch, beginsAfter) },
  });
  const chain = inChain ? [e1, e2, forced] : [e1, forced];
  mkdirSync(join(directory, 'state'));
  writeFileSync(join(directory, 'state', 'log-end.json'), '{"ordinal":4}');
  for (const _start of [1, 2]) {
    const spool = await opened('n2', chain);
    expect(spool.incarnation === incarnation).toBe(transactions === 'stays');
    await spool.close();
  }
  // What clients may have seen of a history that was given up says nothing of the new one.
  expect(readdirSync(join(directory, 'state'))).toEqual(transactions === 'stays' ? ['log-end.json'] : []);
  const kept = await listRecovered(directory);
  if (transactions === 'stays') expect(kept).toEqual([]);
  else {
    expect(kept).toMatchObject([{ isSpool: true, transactions, last: gtidIn(2, 4) }]);
    expect(readdirSync(join(directory, 'recovered', kept[0]?.name ?? '', 'spool'))).not.toEqual([]);
  }
});

const members = (...names: string[]) =>
  names.map((name) => ({
    ...{ name, incarnation: name, voter: true, link: contact, http: `http://${name}:1` },
    ...{ mysqlRw: null, mysqlRo: null },
  }));

it.each<[what: string, node: string, voters: string[], kept: string[], isKept: boolean]>([
  ['was kept', 'n2', ['n1', 'n2', 'n3'], ['promise', 'peers'], true],
  ['was lost, begins a new log: it could vote twice', 'n2', ['n1', 'n2', 'n3'], ['peers'], false],
  ['was lost, begins a new log, also as the last primary', 'n1', ['n1', 'n2', 'n3'], ['peers'], false],
  ['was lost while nobody else votes keeps its log', 'n1', ['n1'], ['peers'], true],
  ['was lost keeps its log while no majority is without it', 'n1', ['n1', 'n2'], ['peers'], true],
  ['never was, because the cluster had a fixed primary, keeps its log', 'n2', ['n1', 'n2', 'n3'], [], true],
])('a node whose promise %s (rules C6, H1)', async (_what, node, voters, kept, isKept) => {
  const incarnation = await spoolOfEpoch2(node);
  const state = join(directory, 'state');
  mkdirSync(state);
  if (kept.includes('promise')) await promiseFile(state).save({ promisedEpoch: 2, votedFor: null });
  if (kept.includes('peers')) writeFileSync(join(state, 'peers.json'), '{}');
  const spool = await opened(node, [e1, { ...e2, members: members(...voters) }]);
  expect(spool.incarnation === incarnation).toBe(isKept);
  expect(spool.end.ordinal).toBe(isKept ? 4 : 0);
  await spool.close();
});

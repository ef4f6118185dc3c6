import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../config/node-config.js';
import { hasSeenPeers } from '../election/peers-file.js';
import { promiseFile } from '../election/promise.js';
import type { EventLog } from '../events/event-log.js';
import type { Flavour } from '../flavour/flavour.js';
import {
  type Chain,
  countedLists,
  currentEpoch,
  cutFor,
  forcedEntry,
  isGivenUp,
  newestEntry,
} from '../model/chain.js';
import { beginRecovered, finishRecovered, KEPT_SPOOL } from '../recovered/list.js';
import { Spool } from '../spool/spool.js';
import { diskStorage } from '../spool/storage.js';
import { timedStorage } from '../spool/timed-storage.js';
import { syncPath } from '../std/files.js';
import { Histogram, LATENCY_BOUNDS_S } from '../std/histogram.js';
import type { Logger } from '../std/logger.js';
import type { ChainFile } from './chain-file.js';
import { forgetLogEnd } from './log-end-file.js';

interface OpenSpoolModules {
  readonly logger: Logger;
  readonly flavour: Flavour;
  readonly events: EventLog;
  readonly chainFile: ChainFile;
}

/**
 * Opens the node's spool. Every node has one, in any role. A spool that is damaged, or that the chain does not fit, is
 * renamed and kept, and a new one replaces it. The new spool has another incarnation, so acknowledgements of the old one do
 * not count for it (rules C6, H2). A spool that the chain does not fit stays with the primary, and with a node that knows
 * nobody: such a node is closed until it gets its chain back.
 * A node whose promise was lost could vote twice, and acknowledge to a primary that it has promised not to follow (rule H1). So its
 * spool is replaced too.
 * @throws SkeinError PROMISE_UNREADABLE, and errors of the spool
 */
export async function openSpool(
  config: Pick<NodeConfig, 'name' | 'directory' | 'spoolSegmentBytes' | 'contact'>,
  { logger, flavour, events, chainFile }: OpenSpoolModules,
): Promise<{ spool: Spool; fsyncTimes: Histogram }> {
  const fsyncTimes = new Histogram(LATENCY_BOUNDS_S);
  const directory = join(config.directory, 'spool');
  const open = () =>
    Spool.open(
      { directory, segmentBytesMax: config.spoolSegmentBytes },
      {
        storage: timedStorage(diskStorage, fsyncTimes),
        logger: logger.child({ part: 'spool' }),
        gtidText: flavour.gtidText,
      },
    );
  const found = await open();
  const { chain } = chainFile;
  const isPrimary = newestEntry(chain)?.primary === config.name;
  const isLost = chain.length === 0 && config.contact === null;
  const waitsForChain = found.damage === null && (isPrimary || isLost);
  if (found.damage === null && isGivenUp(chain, found.end)) {
    await found.close();
    const kept = await keepGivenUp(config, chain, found);
    events.add('spool.damaged', config.name, kept, { code: 'LOG_GIVEN_UP' });
    return { spool: await open(), fsyncTimes };
  }
  const misfit = waitsForChain ? null : faultOf(found, currentEpoch(chain));
  const fault = misfit ?? ((await isPromiseLost(config, chain)) ? PROMISE_LOST : null);
  if (fault === null) return { spool: found, fsyncTimes };
  await found.close();
  const kept = await freeName(config.directory);
  await rename(directory, join(config.directory, kept));
  await syncPath(config.directory);
  const text = `${fault} It is kept as ${kept}, and a new one was created.`;
  events.add('spool.damaged', config.name, text);
  return { spool: await open(), fsyncTimes };
}

/** Why acknowledgements of this spool cannot count; null = they count. `epoch`: the newest one in the node's chain. */
function faultOf({ damage, end }: Spool, epoch: number): string | null {
  if (damage !== null) return `The spool of this node was damaged (${damage.reason}).`;
  // The chain is written before the records of its epochs arrive.
  if (end.ordinal === 0 || end.epoch <= epoch) return null;
  return `The chain of this node (state/chain.json) was lost or replaced by an older one: it knows of epoch ${epoch}, and the spool has records of epoch ${end.epoch}.`;
}

const PROMISE_LOST =
  'The promise of this node (state/promise.json) was lost, so it does not know what it has voted for and promised.';

/**
 * A node writes its promise before it hears of others. One that has heard of none had no promise to lose: the cluster had a fixed
 * primary until now, or the node is new. Of one or two voters every majority has both, so a second vote of one of them elects nobody
 * without the other, which votes once.
 */
async function isPromiseLost({ directory }: Pick<NodeConfig, 'directory'>, chain: Chain): Promise<boolean> {
  const couldElectTwice = countedLists(chain).some((voters) => voters.length > 2);
  const state = join(directory, 'state');
  return couldElectTwice && (await hasSeenPeers(state)) && (await promiseFile(state).load()) === null;
}

async function freeName(directory: string): Promise<string> {
  const taken = new Set(await readdir(directory));
  for (let number = 1; ; number++)
    if (!taken.has(`spool.damaged-${number}`)) return `spool.damaged-${number}`;
}

/**
 * Keeps a log whose end an operator has given up, beside what is kept of servers, and says where. All of it: the transactions that
 * were given up are at its end.
 */
async function keepGivenUp(
  { directory, name: node }: Pick<NodeConfig, 'directory' | 'name'>,
  chain: Chain,
  { end }: Pick<Spool, 'end'>,
): Promise<string> {
  // Null = it ends in an epoch that the chain does not have, so it does not tell where the two part.
  const from = cutFor(chain, end);
  const { epoch, primary } = forcedEntry(chain) ?? { epoch: 0, primary: '' };
  const reason = `${primary} was made the primary by force in epoch ${epoch}: what this node had received ${from === null ? 'in other epochs' : `after number ${from.ordinal}`} is not in the cluster's history.`;
  const transactions = from === null ? null : end.ordinal - from.ordinal;
  await forgetLogEnd(join(directory, 'state'));
  const { place, name } = await beginRecovered(directory);
  await finishRecovered(place, {
    ...{ at: new Date().toISOString(), node, reason, transactions, unreadable: null },
    ...{ first: from === null ? '?' : `number ${from.ordinal + 1}`, last: end.gtid, isSpool: true },
  });
  // Last: a crash before leaves an entry without a log, and the next start makes another one.
  await rename(join(directory, 'spool'), join(place, KEPT_SPOOL));
  await syncPath(place);
  await syncPath(directory);
  return `${reason} The whole log is kept: skein recovered show ${directory} ${name}`;
}

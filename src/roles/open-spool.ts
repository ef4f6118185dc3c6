import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../config/node-config.js';
import type { EventLog } from '../events/event-log.js';
import { currentEpoch, newestEntry } from '../model/chain.js';
import type { Flavour } from '../mysql-protocol/flavour.js';
import { Spool } from '../spool/spool.js';
import { diskStorage } from '../spool/storage.js';
import { timedStorage } from '../spool/timed-storage.js';
import { syncPath } from '../std/files.js';
import { Histogram, LATENCY_BOUNDS_S } from '../std/histogram.js';
import type { Logger } from '../std/logger.js';
import type { ChainFile } from './chain-file.js';

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
  const fault = faultOf(found, currentEpoch(chain));
  if (fault === null || waitsForChain) return { spool: found, fsyncTimes };
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

async function freeName(directory: string): Promise<string> {
  const taken = new Set(await readdir(directory));
  for (let number = 1; ; number++)
    if (!taken.has(`spool.damaged-${number}`)) return `spool.damaged-${number}`;
}

import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../config/node-config.js';
import type { EventLog } from '../events/event-log.js';
import { newestEntry } from '../model/chain.js';
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
 * Every node has a spool, whatever its role: a primary's ends where its epoch began. A damaged one is kept beside a new one,
 * which has another incarnation: what the old one acknowledged does not count for it (rule C6). That of the primary stays:
 * its log is its server's, and it counts under the incarnation that the list of members has.
 */
export async function openSpool(
  config: Pick<NodeConfig, 'name' | 'directory' | 'spoolSegmentBytes'>,
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
  const isPrimary = newestEntry(chainFile.chain)?.primary === config.name;
  if (found.damage === null || isPrimary) return { spool: found, fsyncTimes };
  const { reason } = found.damage;
  await found.close();
  const kept = await freeName(config.directory);
  await rename(directory, join(config.directory, kept));
  await syncPath(config.directory);
  const text = `The spool of this node was damaged (${reason}). It is kept as ${kept}, and a new one begins.`;
  events.add('spool.damaged', config.name, text);
  return { spool: await open(), fsyncTimes };
}

async function freeName(directory: string): Promise<string> {
  const taken = new Set(await readdir(directory));
  for (let number = 1; ; number++)
    if (!taken.has(`spool.damaged-${number}`)) return `spool.damaged-${number}`;
}

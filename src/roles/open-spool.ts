import { join } from 'node:path';
import type { NodeConfig } from '../config/node-config.js';
import type { Flavour } from '../mysql-protocol/flavour.js';
import { Spool } from '../spool/spool.js';
import { diskStorage } from '../spool/storage.js';
import { timedStorage } from '../spool/timed-storage.js';
import { Histogram, LATENCY_BOUNDS_S } from '../std/histogram.js';
import type { Logger } from '../std/logger.js';

/** Every node has a spool, whatever its role. A primary's spool ends where its epoch began. */
export async function openSpool(
  config: Pick<NodeConfig, 'directory' | 'spoolSegmentBytes'>,
  { logger, flavour }: { logger: Logger; flavour: Flavour },
): Promise<{ spool: Spool; fsyncTimes: Histogram }> {
  const fsyncTimes = new Histogram(LATENCY_BOUNDS_S);
  const spool = await Spool.open(
    { directory: join(config.directory, 'spool'), segmentBytesMax: config.spoolSegmentBytes },
    {
      storage: timedStorage(diskStorage, fsyncTimes),
      logger: logger.child({ part: 'spool' }),
      gtidText: flavour.gtidText,
    },
  );
  return { spool, fsyncTimes };
}

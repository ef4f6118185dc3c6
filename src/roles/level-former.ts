import { join } from 'node:path';
import { messageOf, SkeinError } from '../model/error.js';
import { readDeadLog } from '../source/dead-log.js';
import { Epochs } from './epochs.js';
import { lostLog } from './primary/lost-log.js';
import { OwnLog } from './primary/own-log.js';
import type { NodeParts } from './role-node.js';
import { spoolBase } from './spool-base.js';

/**
 * Copies what the server of the only voter has logged beyond the spool. Nobody else has these transactions, and nobody else
 * can be elected, so they are kept, although they were never acknowledged. The files of the closed server's log are read,
 * because a server that was killed in the middle of a write cannot dump that file any more.
 * @throws SkeinError SERVER_STILL_OPEN, DATA_LOST, OWN_LOG_DIFFERS, those of readDeadLog and of the spool, or the signal's reason
 */
export async function levelFormer(parts: NodeParts, signal: AbortSignal): Promise<void> {
  const { config, control, flavour, logger, spool, chainFile } = parts;
  const { chain } = chainFile;
  const epochs = new Epochs({ flavour, chainFile });
  await closeServer(parts);
  const end = epochs.positionOf((await control().status()).gtidBinlogPos);
  const from = spool.end;
  const ownLog = new OwnLog({
    ...{ logger, flavour, spool, epochs },
    committed: () => spool.committed(),
    durable: () => {},
    drained: () => {},
    failed: (error) => parts.fail(error),
    dump: () => {
      throw new SkeinError('OWN_LOG_DIFFERS', 'The log of the server was read from its files.');
    },
  });
  try {
    const { stopped } = await readDeadLog(
      {
        dataDir: join(config.directory, 'data'),
        after: from,
        annotated: config.annotateRows,
        signal,
      },
      {
        flavour,
        chain: () => chain,
        batch: (batch) => ownLog.take(batch),
        drained: () =>
          new Promise((resolve) => {
            const off = spool.onDrain.on(() => {
              off();
              resolve();
            });
          }),
      },
    );
    // A spool that was lost begins where the server is.
    if (stopped?.code === 'LOG_PLACE_GONE') await spool.restartAfter(spoolBase(end, { chain, flavour }));
    else if (stopped !== null) throw stopped;
    await spool.flush();
  } finally {
    ownLog.stop();
  }
  if (end.ordinal < spool.end.ordinal)
    throw new SkeinError('DATA_LOST', lostLog({ node: config.name, logEnd: end, known: spool.end.ordinal }));
  if (spool.end.gtid !== end.gtid)
    throw new SkeinError(
      'OWN_LOG_DIFFERS',
      `The spool of this node ends at ${spool.end.gtid || 'its beginning'}, the log of its server at ${end.gtid || 'its beginning'}. One of the two was replaced by an older or another one.`,
    );
  logger.info({ from: from.ordinal, to: end.ordinal }, 'the spool has the log of the server');
}

/** The sessions of its clients are cut, because their node has ended. What they have under way could still be logged. */
async function closeServer({ control }: NodeParts): Promise<void> {
  if ((await control().status()).readOnly) return;
  await control()
    .closeForWrites()
    .catch((cause: unknown) => {
      const message = `The server that runs was open as the primary, and cannot be closed in order: ${messageOf(cause)}`;
      throw new SkeinError('SERVER_STILL_OPEN', message, { cause });
    });
}

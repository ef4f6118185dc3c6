import { messageOf, SkeinError } from '../../model/error.js';
import { Epochs } from '../epochs.js';
import type { LocalServerUp } from '../local-server.js';
import { LogDumps } from '../primary/log-dumps.js';
import { OwnLog } from '../primary/own-log.js';
import type { NodeParts } from '../role-node.js';

/**
 * Copies what the server of the only voter has logged beyond the spool. Nobody else has these transactions, and nobody else
 * can be elected, so they are kept, although they were never acknowledged.
 * @throws SkeinError SERVER_STILL_OPEN, and those of OwnLog.reach
 */
export async function levelFormer(up: LocalServerUp, parts: NodeParts, signal: AbortSignal): Promise<void> {
  const { config, control, flavour, logger, spool, chainFile } = parts;
  const epochs = new Epochs({ logger, flavour, chainFile });
  // Its sessions are cut, because their node has ended. What they have under way could still be logged.
  if (!(await control().status()).readOnly) {
    await control()
      .closeForWrites()
      .catch((cause: unknown) => {
        const message = `The server that runs was open as the primary, and cannot be closed in order: ${messageOf(cause)}`;
        throw new SkeinError('SERVER_STILL_OPEN', message, { cause });
      });
  }
  const end = epochs.positionOf((await control().status()).gtidBinlogPos);
  const dumps = new LogDumps(
    {
      annotateRows: config.annotateRows,
      user: 'skein_repl',
      password: parts.passwordOf('skein_repl'),
    },
    { logger, flavour, chain: () => chainFile.chain, socketPath: () => up.socketPath },
  );
  const ownLog = new OwnLog({
    ...{ logger, flavour, spool, epochs },
    committed: () => spool.committed(),
    dump: (after, batch) => dumps.catchUp(after, batch),
    durable: () => {},
    drained: () => {},
    failed: (error) => parts.fail(error),
  });
  try {
    await ownLog.reach(end, signal);
  } finally {
    ownLog.stop();
  }
}

import { join } from 'node:path';
import { Readable } from 'node:stream';
import { BACKUP_FORMAT } from '../backup/backup-head.js';
import { writeBackup } from '../backup/write-backup.js';
import { installedVersion } from '../config/installation.js';
import type { NodeConfig } from '../config/node-config.js';
import { flavour } from '../flavour/current.js';
import { isInHistory, positionOf } from '../flavour/history.js';
import type { Chain, ChainEntry } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import type { Position } from '../model/position.js';
import { accountPassword } from '../mysql-control/accounts.js';
import type { ServerQuestions } from '../mysql-control/server-questions.js';
import type { FactsReader } from '../planes/facts-reader.js';
import type { ServerPrograms } from '../planes/messages.js';
import { obtainBackupPrograms } from '../server-packages/backup-programs.js';
import { takeSnapshot } from '../snapshot/take.js';
import type { Logger } from '../std/logger.js';

export interface NodeBackupsOptions extends ServerPrograms {
  readonly config: Pick<NodeConfig, 'name' | 'cluster' | 'directory'>;
  readonly secret: Buffer;
}

export interface NodeBackupsModules {
  readonly plane: Pick<FactsReader, 'facts' | 'chain'>;
  readonly server: Pick<ServerQuestions, 'gtidAt'>;
  readonly logger: Logger;
}

/** Makes backups of the local server. */
export class NodeBackups {
  readonly #options: NodeBackupsOptions;
  readonly #modules: NodeBackupsModules;

  constructor(options: NodeBackupsOptions, modules: NodeBackupsModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** See NodeView. */
  async begin(signal: AbortSignal): Promise<Readable> {
    const { config, secret, binary, cacheDir } = this.#options;
    const { plane, server: questions, logger } = this.#modules;
    const programs = await obtainBackupPrograms({ server: binary, cacheDir, signal }, { logger });
    const { server } = plane.facts;
    if (server === null) throw new SkeinError('SERVER_DOWN', 'The local server is down.');
    const began = new Date().toISOString();
    const taking = await takeSnapshot(
      {
        programs,
        dataDir: join(config.directory, 'data'),
        directory: config.directory,
        socketPath: server.socketPath,
        password: accountPassword(secret, 'skein'),
      },
      { logger, gtidAt: (place) => questions.gtidAt(place) },
      signal,
    );
    const parts = writeBackup({
      head: {
        format: BACKUP_FORMAT,
        compression: 'gzip',
        cluster: config.cluster,
        node: config.name,
        skein: installedVersion(),
        server: { flavour: binary.flavour as 'mariadb', version: binary.version },
        began,
        dataBytes: taking.progress().bytesTotal,
      },
      content: taking.output,
      stop: () => taking.stop(),
      tail: async () => historyUntil(plane.chain, (await taking.done).gtid),
    });
    return Readable.from(parts, { objectMode: false, highWaterMark: 2 ** 20 });
  }
}

/** @throws SkeinError BACKUP_FOREIGN */
function historyUntil(
  chain: Chain,
  gtid: string,
): { position: Position; epochs: { epoch: number; beginsAfter: Position }[] } {
  if (!isInHistory(chain, gtid, flavour)) {
    throw new SkeinError(
      'BACKUP_FOREIGN',
      `The server of this node stands at ${gtid}, which is not in the history of its cluster. Take the backup from another node.`,
    );
  }
  const position = positionOf(chain, gtid, flavour);
  const isFirst = ({ epoch: of }: ChainEntry, at: number) =>
    chain.findIndex(({ epoch: other }) => other === of) === at;
  const epochs = chain
    .filter(
      (entry, at) => entry.epoch > 0 && entry.beginsAfter.ordinal < position.ordinal && isFirst(entry, at),
    )
    .map(({ epoch: of, beginsAfter }) => ({ epoch: of, beginsAfter }));
  return { position, epochs };
}

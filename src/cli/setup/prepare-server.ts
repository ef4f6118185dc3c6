import { installationDirectory } from '../../config/installation.js';
import { refuseOtherChoice, refuseOtherFlavour } from '../../flavour/current.js';
import { messageOf } from '../../model/error.js';
import { obtainBackupPrograms } from '../../server-packages/backup-programs.js';
import { chooseCacheDir } from '../../server-packages/cache-dir.js';
import { obtainServer } from '../../server-packages/obtain.js';
import type { ServerBinary } from '../../server-packages/server-binary.js';
import { durationText } from '../../std/duration-text.js';
import { silentLogger } from '../../std/logger.js';

/**
 * Finds or fetches the database server, and the programs that copy its data, once and with progress, so that not every node
 * waits for the same download. Without those programs a cluster runs, but its nodes cannot fill each other.
 * @throws SkeinError as obtainServer and chooseCacheDir do
 */
export async function prepareServer(options: {
  /** As people name it; null = what SKEIN_SERVER says. */
  readonly server: string | null;
  say(text: string): void;
  signal: AbortSignal;
}): Promise<ServerBinary> {
  const started = performance.now();
  const cacheDir = await chooseCacheDir({ projectDir: installationDirectory });
  let told = '';
  const how = {
    cacheDir,
    server: options.server,
    signal: options.signal,
    progress(text: string, fraction: number | null) {
      // In steps of a quarter: a few lines, on a terminal and in a log file.
      const line = fraction === null ? text : `${text} ${Math.floor(fraction * 4) * 25} %`;
      if (line !== told) options.say(`${line} (${durationText(performance.now() - started)})`);
      told = line;
    },
  };
  refuseOtherChoice(options.server);
  const binary = await obtainServer(how, { logger: silentLogger });
  refuseOtherFlavour(binary);
  options.say(`database server: ${binary.flavour} ${binary.version} (${binary.command})`);
  await obtainBackupPrograms({ ...how, server: binary }, { logger: silentLogger }).catch((error: unknown) => {
    options.signal.throwIfAborted();
    options.say(`This node can make no backups, and cannot fill other nodes: ${messageOf(error)}`);
  });
  return binary;
}

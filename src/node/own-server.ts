import type { NodeConfig } from '../config/node-config.js';
import { refuseOtherChoice, refuseOtherFlavour } from '../flavour/current.js';
import { type ObtainOptions, obtainServer } from '../server-packages/obtain.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import type { Logger } from '../std/logger.js';
import { NO_SERVER } from './witness.js';

/** The program of this node's server. @throws SkeinError as obtainServer, SERVER_UNSUPPORTED */
export async function ownServer(
  { witness, server }: Pick<NodeConfig, 'witness' | 'server'>,
  { cacheDir }: Pick<ObtainOptions, 'cacheDir'>,
  modules: { logger: Logger },
): Promise<ServerBinary> {
  if (witness) return NO_SERVER;
  refuseOtherChoice(server);
  const binary = await obtainServer({ cacheDir, server }, modules);
  refuseOtherFlavour(binary);
  return binary;
}

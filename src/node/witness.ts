import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from '../config/identity.js';
import type { NodeConfig } from '../config/node-config.js';
import { SkeinError } from '../model/error.js';
import type { ServerBinary } from '../server-packages/server-binary.js';

/** The program of a witness, which has none: nothing is looked for, fetched or started. The flavour is that of the log. */
export const NO_SERVER: ServerBinary = {
  flavour: 'mariadb',
  version: '',
  origin: 'host',
  command: '',
  shareDir: '',
  pathArgs: [],
};

/** @throws SkeinError WITNESS_UNSUITABLE: this directory cannot be that of a witness */
export function refuseAsWitness(
  { witness, name, directory }: Pick<NodeConfig, 'witness' | 'name' | 'directory'>,
  { founder }: Pick<Identity, 'founder'>,
): void {
  if (!witness) return;
  if (founder)
    throw new SkeinError(
      'WITNESS_UNSUITABLE',
      `${name} is the first node of its cluster, so it has to have the data, and cannot be a witness. Remove "witness" from its node.json; a witness joins a cluster: skein join --witness`,
    );
  if (existsSync(join(directory, 'data')))
    throw new SkeinError(
      'WITNESS_UNSUITABLE',
      `${directory} has the data of a database server, and a witness has none. Remove "witness" from its node.json; or remove ${name} from the cluster (skein remove ${name}), and join with an empty directory: skein join --witness`,
    );
}

import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerBinary } from '../server-packages/server-binary.js';
import type { Logger } from '../std/logger.js';
import { canReach, ownerOf, preferredRunUser, type RunUser } from '../std/run-user.js';

/** The user that runs the server of a new data directory. A node of root takes an unprivileged user that can reach all paths. */
export async function chooseServerUser(
  nodeDirectory: string,
  { binary, logger }: { binary: ServerBinary; logger: Logger },
): Promise<RunUser> {
  const user = await preferredRunUser();
  if (!user.switched) return user;
  // The node's own directory may be closed because of a narrow umask. The node does not change the directories above it.
  const { mode } = await stat(nodeDirectory);
  await chmod(nodeDirectory, mode | 0o055);
  for (const directory of [nodeDirectory, join(binary.command, '..'), binary.shareDir]) {
    if (await canReach(user, directory)) continue;
    const owner = await ownerOf(nodeDirectory);
    logger.warn(
      { unreachable: directory, user: user.name, owner: owner.name },
      'the unprivileged user cannot reach this directory: the server runs as the owner of the data',
    );
    return owner;
  }
  return user;
}

import { createHash } from 'node:crypto';
import { chown, lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SkeinError } from '../model/error.js';
import type { RunUser } from './run-user.js';

/** sun_path of a unix socket's address is 108 bytes, one of them the ending zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * A short path for the server's unix socket: the data directory's own may be too long for one. In a directory that only
 * the server's user (and root) can enter: who can connect to the socket is not yet who may log in, but need not try.
 * @throws SkeinError RUN_DIR_UNSAFE, SOCKET_PATH_TOO_LONG
 */
export async function socketPathFor(dataDir: string, user: RunUser): Promise<string> {
  const directory = join(tmpdir(), `skein-${user.uid}`);
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  const path = join(directory, `${hash}.sock`);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new SkeinError(
      'SOCKET_PATH_TOO_LONG',
      `The directory for sockets, ${directory}, makes paths longer than ${SOCKET_PATH_BYTES_MAX} bytes. Set TMPDIR to a shorter one.`,
    );
  }
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  let found = await lstat(directory);
  // Ours from a moment ago, or from another node that has not come to this line yet.
  if (user.switched && found.isDirectory() && found.uid === process.getuid?.()) {
    await chown(directory, user.uid, user.gid);
    found = await lstat(directory);
  }
  // Temporary directories are everybody's: somebody else may have been there first.
  if (!found.isDirectory() || found.uid !== user.uid || (found.mode & 0o077) !== 0) {
    throw new SkeinError(
      'RUN_DIR_UNSAFE',
      `${directory} should be a directory of user ${user.name} with mode 0700, and is not. Remove it, or set TMPDIR to a directory of your own.`,
    );
  }
  return path;
}

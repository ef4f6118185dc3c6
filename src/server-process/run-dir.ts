import { createHash } from 'node:crypto';
import { chown, lstat, mkdir, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SkeinError } from '../model/error.js';
import type { RunUser } from '../std/run-user.js';

/** sun_path of a unix socket's address is 108 bytes, one of them the ending zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * A short path for the server's unix socket: the data directory's own may be too long for one. In a directory that only
 * the server's user (and root) can enter: connecting to the socket is not a login, but other users need not even connect.
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
  // Any user can write in a temporary directory, so another user may have created it first.
  const reason =
    (found.mode & 0o077) === 0 ? await unsafeBecause(directory, user.uid) : 'other users can look into it';
  if (reason !== null) {
    throw new SkeinError(
      'RUN_DIR_UNSAFE',
      `The directory for sockets, ${directory}, should be one of user ${user.name} with mode 0700: ${reason}. Remove it, or set TMPDIR to a directory of your own.`,
    );
  }
  return path;
}

const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/** Why another user than `uid`, root and ourselves could put a socket of its own into a directory; null when none can. */
export async function unsafeBecause(directory: string, uid: number): Promise<string | null> {
  let at = await lstat(directory).catch(() => null);
  if (!at?.isDirectory()) return 'it is not a directory';
  if (at.uid !== uid) return `it belongs to user ${at.uid}`;
  if ((at.mode & 0o022) !== 0) return 'other users can write in it';
  // Who may rename a directory above it may put another one in its place.
  const trusted = [0, uid, process.getuid?.() ?? uid];
  for (let path = await realpath(directory); path !== dirname(path); ) {
    path = dirname(path);
    at = await lstat(path);
    if (!trusted.includes(at.uid)) return `${path} above it belongs to user ${at.uid}`;
    if ((at.mode & OTHERS_WRITE) !== 0 && (at.mode & STICKY) === 0) return `everybody can write in ${path}`;
  }
  return null;
}

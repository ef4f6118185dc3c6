import { createHash } from 'node:crypto';
import { chown, lstat, mkdir, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SkeinError } from '../model/error.js';
import type { RunUser } from '../std/run-user.js';

/** The field sun_path of a unix socket's address has 108 bytes, one of them for the final zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * A short path for the server's unix socket, because the path of the data directory may be too long. Only the server's user
 * and root can enter its directory. Other users could not log in anyway, but this way they cannot even connect.
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
  // This node has just made the directory, or another node has made it and has not given it to that user yet.
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

/**
 * The reason why a user other than `uid`, root and the node's own could put a socket into this directory; null when none
 * could.
 */
export async function unsafeBecause(directory: string, uid: number): Promise<string | null> {
  let at = await lstat(directory).catch(() => null);
  if (!at?.isDirectory()) return 'it is not a directory';
  if (at.uid !== uid) return `it belongs to user ${at.uid}`;
  if ((at.mode & 0o022) !== 0) return 'other users can write in it';
  // A user who can rename a parent directory can put another directory in its place.
  const trusted = [0, uid, process.getuid?.() ?? uid];
  for (let path = await realpath(directory); path !== dirname(path); ) {
    path = dirname(path);
    at = await lstat(path);
    if (!trusted.includes(at.uid)) return `${path} above it belongs to user ${at.uid}`;
    if ((at.mode & OTHERS_WRITE) !== 0 && (at.mode & STICKY) === 0) return `every user can write in ${path}`;
  }
  return null;
}

import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerTls } from '../flavour/server-program.js';
import { replaceFile } from '../std/files.js';
import type { RunUser } from '../std/run-user.js';
import type { TlsIdentity } from '../std/tls-source.js';

/**
 * Writes the copies that the server reads. Only the server's user can read them. The node's own files may be in the same
 * directory, under other names: a node that wrote them would find them changed, and write them again.
 */
export async function writeServerTls(
  directory: string,
  { cert, key, ca }: TlsIdentity,
  user: RunUser,
): Promise<ServerTls> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (user.switched) await chown(directory, user.uid, user.gid);
  const write = async (name: string, text: string) => {
    const path = join(directory, name);
    // No fsync: they are written again at each start.
    await replaceFile(path, text, { durable: false, ...(user.switched ? { owner: user } : {}) });
    return path;
  };
  return {
    cert: await write('server.crt', cert),
    key: await write('server.key', key),
    ca: ca === undefined ? null : await write('server-ca.crt', ca),
  };
}

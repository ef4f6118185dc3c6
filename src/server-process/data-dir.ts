import { chmod, chown, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DataFile, ServerProgram } from '../flavour/server-program.js';
import { accountPassword } from '../mysql-control/accounts.js';
import {
  chownTree,
  exists,
  readFileIfThere,
  replaceFile,
  sweepTemporary,
  syncPath,
  syncTree,
  temporaryName,
} from '../std/files.js';
import type { RunUser } from '../std/run-user.js';
import { copyTemplate, runOffline, type TemplateModules } from './template.js';

/**
 * Makes the data directory if there is none, from the template and the cluster's accounts. The directory gets its name only
 * when it is complete and on disk. So no server with a network runs on it before all accounts have passwords.
 * @returns true when it was made now
 * @throws SkeinError TEMPLATE_FAILED
 */
export async function prepareDataDir(
  dataDir: string,
  options: { secret: Buffer; user: RunUser },
  modules: TemplateModules,
  signal?: AbortSignal,
): Promise<boolean> {
  if (await exists(dataDir)) return false;
  const { secret, user } = options;
  await mkdir(dirname(dataDir), { recursive: true });
  await sweepTemporary(dataDir);
  const temporary = temporaryName(dataDir);
  try {
    await copyTemplate(temporary, modules, signal);
    if (user.switched) await chownTree(temporary, user.uid, user.gid);
    await chmod(temporary, 0o700);
    const { binary, program } = modules;
    const accounts = program.ownAccounts(binary, temporary, (name) => accountPassword(secret, name));
    await runOffline(modules, temporary, accounts, user, signal);
    await syncTree(temporary);
    await rename(temporary, dataDir);
    await syncPath(dirname(dataDir));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  return true;
}

/** Makes an empty directory beside the data for the server's temporary files. Older files in it are of no use to a new server. */
export async function prepareTmpDir(path: string, user: RunUser): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user.switched) await chown(path, user.uid, user.gid);
}

export async function writeDataFiles(
  dataDir: string,
  files: readonly DataFile[],
  user: RunUser,
): Promise<void> {
  for (const { name, text } of files) {
    const path = join(dataDir, name);
    if ((await readFileIfThere(path)) === text) continue;
    await replaceFile(path, text, user.switched ? { owner: user } : {});
  }
}

/**
 * Removes a replica's relay logs and the records about them. Every start drops the relay logs anyway, because the spool has
 * their content. But a server that died while it removed some of them refuses CHANGE MASTER (seen on 10.11: "log
 * ./relay.000002 listed in the index, but failed to stat"). No server may be running on the directory.
 */
export async function removeRelayState(
  dataDir: string,
  { relayState }: Pick<ServerProgram, 'relayState'>,
): Promise<void> {
  const names = (await readdir(dataDir)).filter((name) => relayState.test(name));
  await Promise.all(names.map((name) => rm(join(dataDir, name), { force: true })));
}

/** Flag in the header of a log file's first event. It is set while the file is in use, and stays set when its server dies. */
const FLAGS_OFFSET = 4 + 17;
const IN_USE = 0x1;

/**
 * True when the last server on this directory ended in order, or when there never was one. The last file of its binary log
 * tells. No server may be running on the directory.
 */
export async function endedInOrder(dataDir: string): Promise<boolean> {
  const index = await readFileIfThere(join(dataDir, 'bin.index'));
  const last = index?.trim().split('\n').at(-1);
  if (!last) return true;
  const file = await open(join(dataDir, basename(last)), 'r').catch(() => null);
  if (file === null) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, FLAGS_OFFSET);
    return bytesRead === 2 && (buffer.readUInt16LE(0) & IN_USE) === 0;
  } finally {
    await file.close();
  }
}

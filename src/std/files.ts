import { constants } from 'node:fs';
import { access, chmod, chown, cp, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { identifyProcess, ownIdentity } from './process-identity.js';

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** Creates `path` if it can, and says whether files can be made in it. */
export async function isUsableDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path, { recursive: true, mode: 0o755 });
    await access(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function* walk(path: string): AsyncGenerator<{ path: string; directory: boolean }> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) yield* walk(child);
    else if (entry.isFile()) yield { path: child, directory: false };
  }
  yield { path, directory: true };
}

export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** fsyncs every file and directory below `path`, so that a later rename is never on the disk before the contents. */
export async function syncTree(path: string): Promise<void> {
  for await (const entry of walk(path)) await syncPath(entry.path);
}

export async function chownTree(path: string, uid: number, gid: number): Promise<void> {
  for await (const entry of walk(path)) await chown(entry.path, uid, gid);
}

/** Makes a tree without secrets readable for everybody, so that one cache can serve several users. */
export async function openForReading(path: string): Promise<void> {
  for await (const entry of walk(path)) await chmod(entry.path, entry.directory ? 0o755 : 0o644);
}

/** Copies a tree, sharing blocks where the file system can. */
export async function copyTree(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    errorOnExist: true,
    force: false,
    mode: constants.COPYFILE_FICLONE,
  });
}

/** A name beside `path` that no other process uses; `sweepTemporary` finds it again after a crash. */
export function temporaryName(path: string): string {
  ownTicks ??= ticksOf(ownIdentity().startedAt);
  return `${path}.tmp-${process.pid}.${ownTicks}-${Math.random().toString(36).slice(2, 10)}`;
}

let ownTicks: string | undefined;
const TEMPORARY = /^\.tmp-(\d+)(?:\.(\w+))?-/;

/**
 * Removes what crashed runs left beside `path`, except those of processes that live. A pid alone does not tell: a node in a
 * container has the same one at each start.
 */
export async function sweepTemporary(path: string): Promise<void> {
  const parent = dirname(path);
  const prefix = path.slice(parent.length + 1);
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const [, pid, ticks] = TEMPORARY.exec(name.slice(prefix.length)) ?? [];
    if (pid === undefined) continue;
    const alive = identifyProcess(Number(pid));
    // Names of older releases have no time.
    if (alive !== null && (ticks === undefined || ticksOf(alive.startedAt) === ticks)) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** When a process started, in ticks since the boot. */
function ticksOf(startedAt: string): string {
  return startedAt.split(':').at(-1)?.replace(/\W/g, '') ?? '';
}

/** Renames a finished directory; false when another process was first (its directory stays, ours is removed). */
export async function publishDirectory(temporary: string, path: string): Promise<boolean> {
  try {
    await rename(temporary, path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    await rm(temporary, { recursive: true, force: true });
    return false;
  }
  await syncPath(dirname(path));
  return true;
}

export interface ReplaceOptions {
  /** Default: for the owner only. */
  readonly mode?: number;
  /** False: a power cut may leave the old content, or none. Default true. */
  readonly durable?: boolean;
  /** Who gets the file; default: this process's user. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Replaces a small file: a reader sees the complete old or new content; if durable, also after a power cut. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  { mode = 0o600, durable = true, owner }: ReplaceOptions = {},
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      if (owner) await handle.chown(owner.uid, owner.gid);
      await handle.writeFile(content);
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (durable) await syncPath(dirname(path));
}

/** The file's text, or null when there is none. */
export async function readFileIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

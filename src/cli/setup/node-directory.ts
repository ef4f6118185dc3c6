/** The directory of a node that is being set up. It is a node's directory once `node.json` is in it, which is written last. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, open, rm, rmdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NodeConfigInput } from '../../config/node-config.js';
import { messageOf, SkeinError } from '../../model/error.js';
import { chownTree, replaceFile, syncPath } from '../../std/files.js';

/** Files and directories of a node. */
const NODE_ENTRIES = [
  'node.json',
  'identity.json',
  'data',
  'spool',
  'state',
  'cluster.secret',
  'admin.token',
  'tls',
];
/** More than all files that are written at the end. */
const RESERVE_BYTES = 1024 * 1024;

export class NodeDirectory {
  readonly path: string;
  readonly #made: string | null;

  private constructor(path: string, made: string | null) {
    this.path = path;
    this.#made = made;
  }

  /**
   * Makes the directory if necessary, and reserves room for the files. `undo` reverts both.
   * @throws SkeinError DIRECTORY_HAS_NODE, DIRECTORY_UNUSABLE
   */
  static async prepare(path: string): Promise<NodeDirectory> {
    refuseOccupied(path);
    try {
      const made = mkdirSync(path, { recursive: true, mode: 0o755 }) ?? null;
      const directory = new NodeDirectory(path, made);
      try {
        await reserve(directory.#reserve);
      } catch (error) {
        await directory.undo();
        throw error;
      }
      return directory;
    } catch (error) {
      throw unusable(path, error);
    }
  }

  get #reserve(): string {
    return join(this.path, '.reserve');
  }

  /** Bytes that the user may still write on its disk. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Durable, for its owner only unless `mode` says otherwise. @throws SkeinError DIRECTORY_UNUSABLE */
  async write(name: string, text: string, mode = 0o600): Promise<void> {
    const path = join(this.path, name);
    try {
      await rm(this.#reserve, { force: true });
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await replaceFile(path, text, { mode });
    } catch (error) {
      throw unusable(this.path, error);
    }
  }

  /** Writes `node.json`, after which the directory is a node's. Run by root, it gives all files to the directory's owner. */
  async finish(config: NodeConfigInput): Promise<string> {
    await this.write('node.json', `${JSON.stringify(config, null, 2)}\n`, 0o640);
    const { uid, gid } = statSync(this.path);
    if (process.getuid?.() === 0 && uid !== 0) await chownTree(this.path, uid, gid);
    return join(this.path, 'node.json');
  }

  /** Removes what was written, and the directory if it was made. */
  async undo(): Promise<void> {
    for (const name of [...NODE_ENTRIES, '.reserve']) {
      await rm(join(this.path, name), { recursive: true, force: true });
    }
    if (this.#made === null) return;
    // From the directory up to the first one that was made here.
    for (let path = this.path; path.startsWith(this.#made); path = dirname(path)) {
      await rmdir(path).catch(() => {});
    }
  }
}

function refuseOccupied(path: string): void {
  const found = NODE_ENTRIES.find((name) => existsSync(join(path, name)));
  if (found === undefined) return;
  if (!existsSync(join(path, 'node.json')) && !existsSync(join(path, 'data')))
    throw new SkeinError(
      'DIRECTORY_HAS_NODE',
      `${path} holds ${found}, but no node.json: a setup (skein init, skein join) was interrupted there. Nothing was changed. Remove the directory. After an interrupted skein join, also remove the member if skein status lists it (skein remove <name>), and join with a new token.`,
    );
  throw new SkeinError(
    'DIRECTORY_HAS_NODE',
    `${path} holds ${nodeText(path)} already (${join(path, found)}). Nothing was changed. Choose another --dir; or, if it is not needed any more, remove the directory and then the member (skein remove <name>).`,
  );
}

function nodeText(path: string): string {
  try {
    const { name, cluster } = JSON.parse(readFileSync(join(path, 'node.json'), 'utf8')) as NodeConfigInput;
    return `the node ${name} of the cluster ${cluster}`;
  } catch {
    return 'a node';
  }
}

async function reserve(file: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    // A file system may store zeros as nothing.
    await handle.writeFile(Buffer.alloc(RESERVE_BYTES, 'skein'));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncPath(dirname(file));
}

function unusable(path: string, error: unknown): Error {
  if (error instanceof SkeinError) return error;
  return new SkeinError(
    'DIRECTORY_UNUSABLE',
    `The directory ${path} cannot be used: ${messageOf(error)}. Nothing was changed. Make room, or name a directory that this user can write to: --dir <directory>`,
    { cause: error },
  );
}

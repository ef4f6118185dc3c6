import { close, fdatasync, fstat, fsync, ftruncate, open, read, writev } from 'node:fs';
import { mkdir, readdir, rename, unlink } from 'node:fs/promises';

/**
 * The few things that the spool asks of a file system. It is a seam so that tests can put a disk behind it that
 * forgets what was not synced (simulated-storage.ts): whatever the spool promises must follow from these calls alone.
 * All calls reject with the operating system's error (`code`: ENOSPC, EIO, ENOENT ...).
 */
export interface Storage {
  /** `create` makes a new, empty file and fails with EEXIST where there is one. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<StorageFile>;
  /** Names (not paths) in a directory, in no order. */
  list(directory: string): Promise<string[]>;
  /** With parents; no error where it exists. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes creations, renames and removals in this directory durable: syncing a file does not do that for its name. */
  syncDirectory(path: string): Promise<void>;
}

export interface StorageFile {
  size(): Promise<number>;
  /** Fills `target` from `position` on; fewer bytes than asked for only at the end of the file. */
  read(target: Buffer, position: number): Promise<number>;
  /** Writes all of the buffers, one behind the other, or rejects (some bytes may then be written). */
  write(buffers: readonly Buffer[], position: number): Promise<void>;
  /** Data and size are on the disk when this resolves. A rejection must never be followed by another try. */
  datasync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

const FLAGS = { read: 'r', write: 'r+', create: 'wx+' } as const;

class DiskFile implements StorageFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fstat(this.#fd, (error, stats) => (error ? reject(error) : resolve(stats.size)));
    });
  }

  read(target: Buffer, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const more = (done: number) => {
        read(this.#fd, target, done, target.length - done, position + done, (error, count) => {
          if (error) reject(error);
          else if (count === 0 || done + count === target.length) resolve(done + count);
          else more(done + count);
        });
      };
      more(0);
    });
  }

  write(buffers: readonly Buffer[], position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const more = (rest: readonly Buffer[], at: number) => {
        writev(this.#fd, rest, at, (error, count) => {
          if (error) {
            reject(error);
            return;
          }
          const left = without(rest, count);
          if (left.length === 0) resolve();
          else more(left, at + count);
        });
      };
      more(buffers, position);
    });
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      ftruncate(this.#fd, size, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): Promise<void> {
    return closeFd(this.#fd);
  }
}

/** What is left of `buffers` after the first `count` bytes were written (a short write is rare but allowed). */
function without(buffers: readonly Buffer[], count: number): Buffer[] {
  let skip = count;
  const left: Buffer[] = [];
  for (const buffer of buffers) {
    if (skip >= buffer.length) {
      skip -= buffer.length;
      continue;
    }
    left.push(skip > 0 ? buffer.subarray(skip) : buffer);
    skip = 0;
  }
  return left;
}

function openFd(path: string, flags: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // 0600: the spool holds the users' data.
    open(path, flags, 0o600, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}

function closeFd(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    close(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** The real file system. Plain callbacks underneath: one write and one sync for each group commit, nothing else. */
export const diskStorage: Storage = {
  open: async (path, mode) => new DiskFile(await openFd(path, FLAGS[mode])),
  list: (directory) => readdir(directory),
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  rename,
  unlink,
  syncDirectory: async (path) => {
    const fd = await openFd(path, 'r');
    try {
      await new Promise<void>((resolve, reject) => {
        fsync(fd, (error) => (error ? reject(error) : resolve()));
      });
    } finally {
      await closeFd(fd);
    }
  },
};

/** Reads exactly the bytes from `position` to `end`, fewer only when the file ends before. */
export async function readRange(file: StorageFile, position: number, end: number): Promise<Buffer> {
  const target = Buffer.allocUnsafe(Math.max(0, end - position));
  const count = target.length === 0 ? 0 : await file.read(target, position);
  return target.subarray(0, count);
}

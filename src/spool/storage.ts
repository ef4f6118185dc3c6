import {
  close,
  constants,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  open,
  read,
  writev,
  writevSync,
} from 'node:fs';
import { mkdir, readdir, rename, unlink } from 'node:fs/promises';
import { monotonicMs } from '../std/clock.js';
import { SyncWritePolicy } from '../std/sync-write-policy.js';

/**
 * The few things that the spool asks of a file system. Tests put a disk behind this interface that forgets what was not
 * synced (test/kit/spool/simulated-storage.ts): the spool's guarantees must follow from these calls alone. All calls reject
 * with the operating system's error (`code`: ENOSPC, EIO, ENOENT ...).
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
  /**
   * Write and datasync in one. Null: already done synchronously, because the disk is fast (then an error is thrown).
   */
  writeDurably(buffers: readonly Buffer[], position: number): Promise<void> | null;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

const { O_CREAT, O_DSYNC, O_EXCL, O_RDONLY, O_RDWR } = constants;
/** O_DSYNC: a write returns when its data and the size are on the disk. So one call does the work of write and fdatasync. */
const FLAGS = {
  read: O_RDONLY,
  write: O_RDWR | O_DSYNC,
  create: O_RDWR | O_CREAT | O_EXCL | O_DSYNC,
} as const;
/** Larger writes are slow on any disk. */
const ON_THE_SPOT_BYTES_MAX = 256 * 1024;

class DiskFile implements StorageFile {
  readonly #fd: number;
  readonly #syncWrites: SyncWritePolicy;

  constructor(fd: number, policy: SyncWritePolicy) {
    this.#fd = fd;
    this.#syncWrites = policy;
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

  writeDurably(buffers: readonly Buffer[], position: number): Promise<void> | null {
    if (!this.#syncWrites.allows() || bytesIn(buffers) > ON_THE_SPOT_BYTES_MAX)
      return this.write(buffers, position);
    const began = monotonicMs();
    let rest = buffers;
    for (let at = position; rest.length > 0; ) {
      const count = writevSync(this.#fd, rest, at);
      rest = without(rest, count);
      at += count;
    }
    this.#syncWrites.waited(began);
    return null;
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

function bytesIn(buffers: readonly Buffer[]): number {
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.length;
  return bytes;
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

function openFd(path: string, flags: number): Promise<number> {
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

/** The real file system. One system call for each group commit, nothing else. */
export const diskStorage: Storage = {
  open: async (path, mode) => new DiskFile(await openFd(path, FLAGS[mode]), new SyncWritePolicy(monotonicMs)),
  list: (directory) => readdir(directory),
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  rename,
  unlink,
  syncDirectory: async (path) => {
    const fd = await openFd(path, O_RDONLY);
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

import { constants } from 'node:fs';
import { chown, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { messageOf, SkeinError } from '../model/error.js';
import type { RunUser } from '../std/run-user.js';
import { snapshotError } from './snapshot-error.js';
import { StreamParser, type StreamStep } from './stream-parser.js';

/** mariadb-backup writes one file at a time, and its redo log beside it. */
const OPEN_FILES_MAX = 16;
/** As the server makes them. */
const FILE_MODE = 0o660;
const DIRECTORY_MODE = 0o700;
/** No file of a stream is there twice, and nothing in its way may lead elsewhere. */
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

const DISK_FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
/** The names or lengths in the stream cannot be meant so; anything else is a fault of this machine. */
const NAME_FAULTS: ReadonlySet<string> = new Set([
  ...['EEXIST', 'ENOENT', 'ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR', 'ENOTEMPTY', 'ELOOP'],
  ...['ENAMETOOLONG', 'EINVAL', 'EBUSY', 'EFBIG'],
]);

/**
 * Writes the files of a stream of mariadb-backup (see stream-parser.ts), as mbstream does. Within the node, because another
 * process would have to be given every byte through a pipe, which takes longer than writing it.
 */
export class Unpacker {
  bytes = 0;
  readonly #directory: string;
  readonly #user: RunUser;
  readonly #parser: StreamParser;
  readonly #steps: StreamStep[] = [];
  readonly #open = new Map<string, { readonly file: FileHandle; bytes: number }>();
  readonly #made = new Set<string>(['.']);
  #writing: Promise<void> = Promise.resolve();
  #isStopped = false;

  /** @param directory is there, empty, and reached by no other user until `end` gives it to `user` */
  constructor(directory: string, user: RunUser) {
    this.#directory = directory;
    this.#user = user;
    this.#parser = new StreamParser((step) => this.#steps.push(step));
  }

  /**
   * Takes the next bytes of the stream, which must not change until it resolves. One call at a time.
   * @throws SkeinError SNAPSHOT_DAMAGED, SNAPSHOT_NO_SPACE, SNAPSHOT_PLACE
   */
  write(bytes: Buffer): Promise<void> {
    this.#writing = this.#take(bytes);
    return this.#writing;
  }

  /** After the last bytes. @throws SkeinError SNAPSHOT_DAMAGED */
  async end(): Promise<void> {
    const wrong = this.#parser.end();
    if (wrong !== null) throw damaged(wrong);
    for (const name of this.#open.keys()) throw damaged(`${JSON.stringify(name)} has no end`);
    await this.#own(this.#directory);
  }

  /** Resolves when no file is open any more. Nothing is written afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#writing.catch(() => {});
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ file }) => file.close().catch(() => {})));
  }

  async #take(bytes: Buffer): Promise<void> {
    this.bytes += bytes.length;
    const wrong = this.#parser.take(bytes);
    if (wrong !== null) throw damaged(wrong);
    for (const step of this.#steps.splice(0)) {
      if (this.#isStopped) throw new SkeinError('SNAPSHOT_DISCARDED', 'The snapshot is not wanted any more.');
      try {
        await this.#perform(step);
      } catch (error) {
        throw this.#failure(error, step.name);
      }
    }
  }

  async #perform(step: StreamStep): Promise<void> {
    switch (step.kind) {
      case 'bytes': {
        const open = await this.#fileOf(step.name);
        await writeAll(open.file, step.bytes, step.offset);
        open.bytes = Math.max(open.bytes, step.offset + step.bytes.length);
        return;
      }
      case 'hole': {
        const open = await this.#fileOf(step.name);
        if (step.until <= open.bytes) return;
        await open.file.truncate(step.until);
        open.bytes = step.until;
        return;
      }
      case 'end': {
        // A file without bytes has only an end.
        const { file } = await this.#fileOf(step.name);
        this.#open.delete(step.name);
        return file.close();
      }
      case 'remove':
        return rm(this.#path(step.name), { force: true });
      case 'rename':
        await this.#makeDirectory(dirname(normalize(step.to)));
        return rename(this.#path(step.name), this.#path(step.to));
    }
  }

  async #fileOf(name: string): Promise<{ readonly file: FileHandle; bytes: number }> {
    const found = this.#open.get(name);
    if (found !== undefined) return found;
    if (this.#open.size >= OPEN_FILES_MAX)
      throw damaged(`it writes more than ${OPEN_FILES_MAX} files at a time`);
    await this.#makeDirectory(dirname(normalize(name)));
    const made = { file: await open(this.#path(name), CREATE, FILE_MODE), bytes: 0 };
    this.#open.set(name, made);
    const { switched, uid, gid } = this.#user;
    if (switched) await made.file.chown(uid, gid);
    return made;
  }

  async #makeDirectory(name: string): Promise<void> {
    if (this.#made.has(name)) return;
    await this.#makeDirectory(dirname(name));
    await mkdir(this.#path(name), { mode: DIRECTORY_MODE });
    await this.#own(this.#path(name));
    this.#made.add(name);
  }

  async #own(path: string): Promise<void> {
    const { switched, uid, gid } = this.#user;
    if (switched) await chown(path, uid, gid);
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #failure(error: unknown, name: string): SkeinError {
    if (error instanceof SkeinError) return error;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const phase = 'receive';
    if (DISK_FULL.has(code)) {
      const text = `There is no space left for the snapshot in ${this.#directory}.`;
      return snapshotError('SNAPSHOT_NO_SPACE', text, { phase });
    }
    const text = `${JSON.stringify(name)} cannot be written: ${messageOf(error)}`;
    if (NAME_FAULTS.has(code)) return damaged(text);
    return snapshotError('SNAPSHOT_PLACE', `${text}. Look at the disk of ${this.#directory}.`, { phase });
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, offset + written);
    written += bytesWritten;
  }
}

function damaged(wrong: string): SkeinError {
  return snapshotError('SNAPSHOT_DAMAGED', `The snapshot cannot be used: ${wrong}.`, { phase: 'receive' });
}

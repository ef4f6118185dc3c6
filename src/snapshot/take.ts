/**
 * Takes a consistent physical snapshot of a running server, as a stream of bytes. It does not know where the bytes go, nor
 * what position in the cluster's history the server's GTID is.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chown, mkdir, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import type { BackupPrograms } from '../server-packages/backup-programs.js';
import { temporaryName } from '../std/files.js';
import type { Logger } from '../std/logger.js';
import { RateLimit } from '../std/rate-limit.js';
import { ownerOf } from '../std/run-user.js';
import { type BackupLock, BackupLog, type LogPlace } from './backup-log.js';
import { dataBytes } from './data-size.js';
import { LockedOutput } from './locked-output.js';
import { takingPath } from './seed-paths.js';
import { snapshotError } from './snapshot-error.js';

export interface TakeOptions {
  readonly programs: BackupPrograms;
  readonly dataDir: string;
  readonly socketPath: string;
  /** Password of the account `skein`. */
  readonly password: string;
  /** The node's directory; a directory for the program's own files is made in it. */
  readonly directory: string;
  /** How long the program may write nothing. Default 2 min. */
  readonly stillMs?: number;
  /** How long it waits for the lock that stops commits, and so how long commits wait behind it at most. Default 5 s. */
  readonly lockTimeoutMs?: number;
  readonly limit?: RateLimit;
}

export interface TakeModules {
  readonly logger: Logger;
  /** The GTID of the last transaction before a place in the server's binary log; '' = none. */
  gtidAt(place: LogPlace): Promise<string>;
}

export interface TakenSnapshot {
  /** Of the last transaction in it; '' = nothing was ever written. */
  readonly gtid: string;
  readonly bytes: number;
  readonly durationMs: number;
  /** How long commits waited for the snapshot. */
  readonly lockedMs: number;
}

export interface SnapshotProgress {
  /** `lock`: commits and DDL wait for the snapshot now. */
  readonly phase: 'copy' | 'lock' | 'done';
  readonly bytes: number;
  /** About; the size of the data files when it began. */
  readonly bytesTotal: number;
}

export interface SnapshotTaking {
  /**
   * Ends when the snapshot is complete, and fails with the error of `done` otherwise. A piece is valid until the next one is
   * asked for. It is read once.
   */
  readonly output: AsyncIterable<Buffer>;
  /** Its reader wants nothing more, or never began. */
  stop(): void;
  /** @throws SkeinError SNAPSHOT_LOCKED, SNAPSHOT_FAILED, or the reason of the signal */
  readonly done: Promise<TakenSnapshot>;
  progress(): SnapshotProgress;
}

const COMMIT_LOCK_TIMEOUT_MS = 5_000;
/** Limit for the other locks, for which only DDL waits. */
const DDL_LOCK_TIMEOUT_MS = 60_000;
/** Commits wait while the lock is held, normally for milliseconds. A longer time means that a disk or the receiver hangs. */
const COMMIT_LOCK_HELD_MS_MAX = 10_000;
/**
 * A program that writes nothing for this long, and that is kept waiting neither by a lock nor by who reads it, does not go on
 * by itself: its server or a disk hangs, or it was stopped.
 */
const STILL_MS_MAX = 120_000;
const LOOK_MS = 1_000;
/**
 * The copying must not take the processor from the server. Without a class of its own, a process has the IO priority that
 * follows from this.
 */
const NICE = 10;

/**
 * Starts mariadb-backup on the local server, as the owner of its data. Nothing is written to the server's binary log.
 * An abort of `signal`, or a reader of `output` that stops, kills it, and with it its locks.
 */
export async function takeSnapshot(
  options: TakeOptions,
  modules: TakeModules,
  signal: AbortSignal,
): Promise<SnapshotTaking> {
  signal.throwIfAborted();
  const bytesTotal = await dataBytes(options.dataDir);
  const user = await ownerOf(options.dataDir);
  const target = temporaryName(takingPath(options.directory));
  await mkdir(target, { mode: 0o700 });
  if (user.switched) await chown(target, user.uid, user.gid);
  const taking = new Taking(options, modules, signal);
  const stdout = await taking.output.open();
  const child = spawn(options.programs.backup, takeArgs(options, target), {
    stdio: ['ignore', stdout, 'pipe'],
    // The password is in the environment, which only this user and root can read. Every user can read arguments.
    env: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      LC_ALL: 'C',
      TMPDIR: target,
      MYSQL_PWD: options.password,
    },
    ...(user.switched ? { uid: user.uid, gid: user.gid } : {}),
  });
  stdout.destroy();
  if (child.pid !== undefined) lowerPriority(child.pid);
  const done = taking.done(child).finally(() => rm(target, { recursive: true, force: true }));
  // A caller that only reads `output` gets the error there.
  done.catch(() => {});
  return {
    output: taking.output.pieces,
    stop: () => taking.output.pieces.stop(),
    done,
    progress: () => ({ phase: taking.phase, bytes: taking.output.bytes, bytesTotal }),
  };
}

function takeArgs(
  { dataDir, socketPath }: Pick<TakeOptions, 'dataDir' | 'socketPath'>,
  target: string,
): string[] {
  // There is an option `--ftwrl-wait-timeout`: it does not limit the wait for a lock, it waits for a server without statements.
  return [
    '--no-defaults',
    '--backup',
    '--stream=mbstream',
    '--protocol=socket',
    // From 11.4 on, the program insists on TLS otherwise, which the server may not have.
    '--disable-ssl',
    `--socket=${socketPath}`,
    '--user=skein',
    `--datadir=${dataDir}`,
    `--target-dir=${target}`,
    `--tmpdir=${target}`,
  ];
}

/** How long a lock may be waited for, or held; null = as long as it takes. */
function limitMs({ stage, held }: BackupLock, lockTimeoutMs: number): number | null {
  if (stage === 'BLOCK_COMMIT') return held ? COMMIT_LOCK_HELD_MS_MAX : lockTimeoutMs;
  return held ? null : DDL_LOCK_TIMEOUT_MS;
}

class Taking {
  readonly output: LockedOutput;
  #child: ChildProcess | null = null;
  readonly #modules: TakeModules;
  readonly #signal: AbortSignal;
  readonly #log = new BackupLog();
  readonly #startedMs = performance.now();
  readonly #lockTimeoutMs: number;
  /** Runs while a lock is waited for, or holds up commits. */
  #watch: NodeJS.Timeout | undefined;
  readonly #stillMs: number;
  #lockedAtMs: number | null = null;
  #lockedMs = 0;
  /** The lock for which the snapshot was given up. */
  #tooLong: BackupLock | null = null;
  #isStill = false;
  #ended = false;

  constructor(options: TakeOptions, modules: TakeModules, signal: AbortSignal) {
    this.#modules = modules;
    this.#signal = signal;
    this.#lockTimeoutMs = options.lockTimeoutMs ?? COMMIT_LOCK_TIMEOUT_MS;
    this.#stillMs = options.stillMs ?? STILL_MS_MAX;
    this.output = new LockedOutput({
      limit: options.limit ?? new RateLimit(null),
      isLocked: () => this.#log.blocksCommits,
      stopped: () => this.#kill(),
    });
  }

  #watchStill(limitMs: number): NodeJS.Timeout {
    let moved = { atMs: performance.now(), bytes: 0, lock: this.#log.lock };
    return setInterval(() => {
      const { bytes, isHolding } = this.output;
      const { lock } = this.#log;
      const now = performance.now();
      if (isHolding || bytes !== moved.bytes || lock !== moved.lock) moved = { atMs: now, bytes, lock };
      if (now - moved.atMs < limitMs) return;
      this.#isStill = true;
      this.#kill();
    }, LOOK_MS).unref();
  }

  get phase(): SnapshotProgress['phase'] {
    if (this.#ended) return 'done';
    return this.#log.blocksCommits ? 'lock' : 'copy';
  }

  /** @param child writes to what `output.open` gave */
  async done(child: ChildProcess): Promise<TakenSnapshot> {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#log.push(text)) this.#lockChanged();
    });
    const stillWatch = this.#watchStill(this.#stillMs);
    const kill = () => this.#kill();
    this.#signal.addEventListener('abort', kill, { once: true });
    if (this.#signal.aborted) kill();
    try {
      const [end] = await Promise.all([endOf(child), this.output.ended]);
      const snapshot = await this.#result(end);
      this.output.pieces.end();
      return snapshot;
    } catch (error) {
      this.output.pieces.end(error);
      throw error;
    } finally {
      this.#ended = true;
      clearTimeout(this.#watch);
      clearInterval(stillWatch);
      this.#signal.removeEventListener('abort', kill);
    }
  }

  #kill(): void {
    this.#child?.kill('SIGKILL');
    // What it has written is not wanted any more.
    this.output.close();
  }

  #lockChanged(): void {
    const { lock, blocksCommits } = this.#log;
    const now = performance.now();
    if (blocksCommits) this.#lockedAtMs ??= now;
    else if (this.#lockedAtMs !== null) {
      this.#lockedMs += now - this.#lockedAtMs;
      this.#lockedAtMs = null;
    }
    clearTimeout(this.#watch);
    const limit = lock && limitMs(lock, this.#lockTimeoutMs);
    if (limit !== null) {
      this.#watch = setTimeout(() => {
        this.#tooLong = lock;
        this.#kill();
      }, limit);
    }
    if (blocksCommits) this.output.stopThrottling();
  }

  async #result(end: string | null): Promise<TakenSnapshot> {
    this.#signal.throwIfAborted();
    const { lock, tail: log, place, completed } = this.#log;
    const phase = lock?.stage ?? 'copy';
    if (this.#tooLong) {
      const why = this.#tooLong.held
        ? 'it held the lock that commits wait for too long: a disk or the receiver of the snapshot hangs'
        : 'the server did not give its backup lock in time. Commits wait for their quorum, or DDL is running';
      throw snapshotError(
        'SNAPSHOT_LOCKED',
        `The snapshot was given up, because ${why} (BACKUP STAGE ${phase}). Try again, or take it from another node.`,
        { phase },
      );
    }
    if (this.#isStill) {
      throw snapshotError(
        'SNAPSHOT_FAILED',
        'mariadb-backup stood still and was ended: the server or a disk hangs. Try again, or take the snapshot from another node.',
        { phase, log },
      );
    }
    if (end !== null || !completed || place === null) {
      const how = this.output.pieces.isStopped
        ? 'its receiver has gone'
        : (end ?? 'it ended before the copy was complete');
      throw snapshotError('SNAPSHOT_FAILED', `mariadb-backup failed: ${how}.`, { phase, log });
    }
    const gtid = await this.#modules.gtidAt(place);
    const snapshot = {
      gtid,
      bytes: this.output.bytes,
      durationMs: Math.round(performance.now() - this.#startedMs),
      lockedMs: Math.round(this.#lockedMs),
    };
    this.#modules.logger.info(snapshot, 'snapshot taken');
    return snapshot;
  }
}

/** Null when the program ended in order. */
function endOf(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`it cannot be started: ${error.message}`));
    child.once('close', (code, killedBy) => resolve(code === 0 ? null : `it ended with ${code ?? killedBy}`));
  });
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, NICE);
  } catch {
    // The process has ended already, and its exit code says why.
  }
}

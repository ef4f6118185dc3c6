import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, SkeinError } from '../model/error.js';
import { accountPassword } from '../mysql-control/accounts.js';
import { login, takeServerId } from '../mysql-control/login.js';
import { loadMissingTimeZones } from '../mysql-control/time-zones.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import { Emitter } from '../std/emitter.js';
import { exists } from '../std/files.js';
import { argumentValue, mayBeAlive, readProcess } from '../std/processes.js';
import { ownerOf, type RunUser } from '../std/run-user.js';
import { backoffMs, sleep } from '../std/timing.js';
import { untilAborted } from '../std/until-aborted.js';
import { adoptRunning } from './adoption.js';
import { prepareDataDir } from './data-dir.js';
import type { HangWatch } from './hang-watch.js';
import { setAsideOrphans } from './orphan-files.js';
import type { Running } from './process-run.js';
import { logTail } from './server-log.js';
import { type ServerPaths, serverPaths } from './server-paths.js';
import { closedServerId, isClosedServerId, ServerStateFile } from './server-state.js';
import { chooseServerUser } from './server-user.js';
import { type SpawnOptions, spawnServer, writeTls } from './spawn-server.js';
import type { TemplateModules } from './template.js';
import { watchServer } from './watch-server.js';

export interface ManagedServerOptions extends SpawnOptions {
  /** The node's directory: gets `data/`, `tmp/`, `server.pid`, `server.json`, `server.log`. */
  readonly directory: string;
  /** The cluster's secret, from which the accounts' passwords come. */
  readonly secret: Buffer;
  /** start() gives up after this many servers died before they were ready. Default 3. */
  readonly startAttemptsMax?: number;
  /** A server that answers nothing for this long, and does nothing, is killed and started again. 0, the default: never. */
  readonly hangMs?: number;
  /** Changes while the server does its work: such a server does not hang. */
  readonly progress?: () => number;
  /** See HangWatchModules. */
  readonly diskWrites?: () => number | null;
}

export type ManagedServerModules = TemplateModules;

export interface ServerUp {
  readonly pid: number;
  /** True when the server was already running. Then it may be open, but that does not make it the primary's (rule H9). */
  readonly adopted: boolean;
  /**
   * A server before it did not end in order, and what that left behind was not settled since (see `settled`); also when it
   * is not known, because this one was adopted.
   */
  readonly crashed: boolean;
  readonly serverId: number;
  readonly port: number;
  readonly socketPath: string;
  readonly version: string;
}

export interface ServerDown {
  readonly pid: number;
  /** How it ended and its last words, for people. */
  readonly reason: string;
  /** Null for an adopted server, because only a parent process gets the exit code. */
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
  /** True when stop() or kill() asked for it. */
  readonly expected: boolean;
  /** Whether it had answered. */
  readonly wasUp: boolean;
}

const START_ATTEMPTS_MAX = 3;
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 5000;
/** Uptime after which the restart back-off is reset. */
const STABLE_MS = 30_000;
/** Interval of login attempts while a server starts. */
const READY_POLL_MS = 20;
/** Interval of messages about a long recovery. */
const STILL_STARTING_MS = 10_000;
const STOP_DEADLINE_MS = 30_000;

/**
 * One server beside its node: makes its data directory, starts it closed, watches and restarts it, stops it in order.
 * It runs in its own session, so that neither Ctrl-C nor the death of the node ends it; the next node on the same
 * directory adopts it. It does not open, close or configure a server by SQL; MariadbControl does.
 *
 *   stopped --start()--> starting --login works--> up --dies--> (back-off) --> starting ...
 *      ^                    `--- adopts a server that runs already
 *      `--- stop(), kill() without restart, release()
 */
export class ManagedServer {
  readonly up = new Emitter<ServerUp>();
  readonly down = new Emitter<ServerDown>();
  /** It was killed because it hung. `down` follows when its process is gone: one that waits for its disk may last longer. */
  readonly hung = new Emitter<{ readonly pid: number; readonly reason: string }>();
  /** `silence` has changed. */
  readonly onSilence = new Emitter<void>();

  readonly #options: ManagedServerOptions;
  readonly #modules: ManagedServerModules;
  readonly #paths: ServerPaths;
  readonly #stateFile: ServerStateFile;
  #running: Running | null = null;
  #current: ServerUp | null = null;
  /** Of the last server that answered. */
  #upPid: number | null = null;
  #silence: string | null = null;
  #life: { controller: AbortController; done: Promise<void> } | null = null;
  #expectDeath = false;

  constructor(options: ManagedServerOptions, modules: ManagedServerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#paths = serverPaths(options.directory);
    this.#stateFile = new ServerStateFile(this.#paths.directory, modules);
  }

  /** Where the server keeps its temporary files. */
  get tmpDirectory(): string {
    return this.#paths.tmpDir;
  }

  /** The server that answers now, or null. */
  get current(): ServerUp | null {
    return this.#current;
  }

  /** Why nobody should count on the running server now, a sentence; null = it answers, or does not run. */
  get silence(): string | null {
    return this.#silence;
  }

  /** Whether it is kept running: since start(), until it is stopped, killed or let go of. */
  get isManaged(): boolean {
    return this.#life !== null;
  }

  /** The user that runs the server and owns its data. */
  async user(): Promise<RunUser> {
    if (await exists(this.#paths.dataDir)) return ownerOf(this.#paths.dataDir);
    return chooseServerUser(this.#paths.directory, this.#modules);
  }

  /** The server's own log. */
  get logPath(): string {
    return this.#paths.log;
  }

  get dataDir(): string {
    return this.#paths.dataDir;
  }

  /**
   * Adopts or starts the server, resolves when a login has succeeded, and keeps it running from then on.
   * An abort before that ends the watching and leaves the server as it is.
   * @throws SkeinError SERVER_START_FAILED, PORT_IN_USE, TEMPLATE_FAILED, RUN_DIR_UNSAFE, SOCKET_PATH_TOO_LONG,
   * SERVER_LOGIN_REFUSED; LOG_NOT_TRUNCATED when `recoverAs` was `replica` and the server cannot do that
   */
  async start(options: { signal?: AbortSignal } = {}): Promise<ServerUp> {
    if (this.#life !== null) throw new SkeinError('SERVER_START_FAILED', 'The server is managed already.');
    const controller = new AbortController();
    const stopListening = this.#forward(options.signal, controller);
    let settle: { resolve: (up: ServerUp) => void; reject: (error: unknown) => void } | undefined;
    const first = new Promise<ServerUp>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const off = this.up.on((up) => settle?.resolve(up));
    const done = this.#live(controller.signal).then(
      () => settle?.reject(controller.signal.reason),
      (error: unknown) => settle?.reject(error),
    );
    this.#life = { controller, done };
    try {
      return await first;
    } catch (error) {
      this.#life = null;
      throw error;
    } finally {
      off();
      stopListening();
    }
  }

  /**
   * Ends the server in order. Only for a server without waiting commits: a shutdown would let them go as if they
   * were acknowledged (rule C1); if commits may wait, use kill().
   * @returns `killed` when it had to be killed after `deadlineMs`
   */
  async stop(options: { deadlineMs?: number } = {}): Promise<{ killed: boolean }> {
    const started = performance.now();
    this.#expectDeath = true;
    await this.#endLife();
    const running = this.#running ?? (await this.#adopt());
    if (running === null) return { killed: false };
    this.#send(running, 'SIGTERM');
    const timer = new AbortController();
    const killed = await Promise.race([
      running.died.then(() => false),
      sleep(options.deadlineMs ?? STOP_DEADLINE_MS, timer.signal).then(
        () => true,
        () => false,
      ),
    ]);
    timer.abort();
    if (killed) this.#send(running, 'SIGKILL');
    await this.#buried(running, true);
    const durationMs = Math.round(performance.now() - started);
    this.#modules.logger.info({ pid: running.pid, killed, durationMs }, 'server stopped');
    return { killed };
  }

  /**
   * Ends the server at once (rule C1: a fence waits for nothing). The signal is sent before this returns; the promise
   * resolves when the process is gone. Without `restart` it stays down until start().
   */
  kill(reason: string, options: { restart?: boolean } = {}): Promise<void> {
    const running = this.#running;
    if (running !== null) this.#send(running, 'SIGKILL');
    this.#modules.logger.warn({ pid: running?.pid ?? null, reason }, 'server killed');
    // It executes nothing any more, also while its process waits for a disk and cannot end.
    this.#current = null;
    if (options.restart === true) return running?.died.then(() => {}) ?? Promise.resolve();
    this.#expectDeath = true;
    return this.#endLife().then(async () => {
      // The server may have been started at this very moment, or not be watched at all.
      const left = this.#running ?? (await this.#adopt());
      if (left === null) return;
      this.#send(left, 'SIGKILL');
      await this.#buried(left, true);
    });
  }

  /** An id that this server never had, and that is in no GTID (rule C10); the caller sets it. */
  async newClosedId(): Promise<number> {
    const before = await this.#stateFile.read();
    const state = { ...before, starts: before.starts + 1 };
    await this.#stateFile.write(state);
    return closedServerId(state);
  }

  /**
   * The recovery after a crash is finished: if this server ends in order, the next start does not count as one after a crash.
   */
  async settled(): Promise<void> {
    await rm(this.#paths.unsettled, { force: true });
  }

  /** Stops watching and leaves the server running, for the next node to adopt. */
  async release(): Promise<void> {
    await this.#endLife();
    this.#running?.unwatch();
    this.#running = null;
    this.#current = null;
  }

  async #endLife(): Promise<void> {
    const life = this.#life;
    this.#life = null;
    life?.controller.abort(new SkeinError('SERVER_RELEASED', 'The server is no longer managed.'));
    await life?.done;
  }

  #forward(signal: AbortSignal | undefined, controller: AbortController): () => void {
    const abort = () => controller.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    return () => signal?.removeEventListener('abort', abort);
  }

  /** The whole life, from start() to the abort; rejects when the first server cannot be started. */
  async #live(signal: AbortSignal): Promise<void> {
    const { logger } = this.#modules;
    const user = await this.#prepare(signal);
    this.#expectDeath = false;
    let failures = 0;
    let everUp = false;
    while (!signal.aborted) {
      const started = performance.now();
      const end = await this.#oneServer(user, signal).catch((error: unknown) => {
        if (signal.aborted) return null;
        // After the first successful start the node keeps trying: the obstacle may disappear.
        if (!everUp) throw error;
        logger.error({ reason: messageOf(error) }, 'server could not be started');
        return { wasUp: false, reason: messageOf(error) };
      });
      if (end === null) return;
      everUp ||= end.wasUp;
      if (!everUp && end.reason.includes(this.#modules.program.words.notTruncated))
        throw this.#notTruncated();
      failures = performance.now() - started > STABLE_MS ? 1 : failures + 1;
      if (!everUp && failures >= (this.#options.startAttemptsMax ?? START_ATTEMPTS_MAX)) {
        throw new SkeinError(
          'SERVER_START_FAILED',
          `The database server could not be started: ${end.reason}. Its log is ${this.#paths.log}.`,
        );
      }
      await sleep(backoffMs(failures - 1, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), signal).catch(() => {});
    }
  }

  /** From adopting or starting one server process to its end; null when the watching ends first. */
  async #oneServer(user: RunUser, signal: AbortSignal): Promise<{ wasUp: boolean; reason: string } | null> {
    const started = performance.now();
    const startedAtMs = Date.now();
    const running = (await this.#adopt()) ?? (await this.#spawn(user, signal));
    this.#running = running;
    this.#upPid = null;
    const watch = this.#watchForHang(running);
    try {
      const up = await this.#ready(running, signal);
      if (up !== null) {
        if (!up.adopted) await this.#afterStart(up, startedAtMs);
        this.#current = up;
        this.#upPid = up.pid;
        watch?.up();
        const durationMs = Math.round(performance.now() - started);
        this.#modules.logger.info({ ...up, durationMs }, 'server up');
        this.up.emit(up);
        await Promise.race([running.died, untilAborted(signal)]);
        if (signal.aborted) return null;
      }
      return { wasUp: up !== null, reason: (await this.#buried(running, false)).reason };
    } finally {
      watch?.stop();
    }
  }

  #watchForHang(running: Running): HangWatch | null {
    const { hangMs, progress, diskWrites } = this.#options;
    return watchServer(
      { running, account: this.#account(running.socketPath), hangMs, progress, diskWrites },
      {
        logger: this.#modules.logger,
        silent: (reason) => {
          this.#silence = reason;
          this.onSilence.emit();
        },
        hung: (reason) => {
          void this.kill(reason, { restart: true });
          this.hung.emit({ pid: running.pid, reason });
        },
      },
    );
  }

  #account(socketPath: string) {
    return { socketPath, user: 'skein', password: accountPassword(this.#options.secret, 'skein') };
  }

  /** Prepares what all starts need: directories, the user to run as, the data. */
  async #prepare(signal: AbortSignal): Promise<RunUser> {
    const { logger, binary } = this.#modules;
    await mkdir(this.#paths.directory, { recursive: true, mode: 0o755 });
    const user = await chooseServerUser(this.#paths.directory, this.#modules);
    const started = performance.now();
    const made = await prepareDataDir(
      this.#paths.dataDir,
      { secret: this.#options.secret, user },
      this.#modules,
      signal,
    );
    if (made) {
      const durationMs = Math.round(performance.now() - started);
      logger.info(
        { dataDir: this.#paths.dataDir, version: binary.version, durationMs },
        'data directory made',
      );
      return user;
    }
    // The existing owner decides: a user `mysql` that was created later cannot read a directory of `nobody`.
    const owner = await ownerOf(this.#paths.dataDir);
    return owner.uid === user.uid || process.getuid?.() !== 0 ? user : owner;
  }

  #adopt(): Promise<Running | null> {
    const { program, logger } = this.#modules;
    return adoptRunning(this.#paths.dataDir, { stateFile: this.#stateFile, program, logger });
  }

  #spawn(user: RunUser, signal: AbortSignal): Promise<Running> {
    return spawnServer(this.#options, {
      ...this.#modules,
      ...{ paths: this.#paths, stateFile: this.#stateFile, user, signal },
    });
  }

  /** Writes the new certificate for the running server, which must then be told to reload. False: it runs without TLS. */
  async renewTls(): Promise<boolean> {
    if (this.#running === null) return false;
    const info = readProcess(this.#running.pid);
    if (!info || argumentValue(info.args, 'ssl-cert') === undefined) return false;
    await writeTls(this.#options, this.#paths, await ownerOf(this.#paths.dataDir));
    return true;
  }

  /**
   * Resolves when a login succeeds; null when the server dies before. Recovery may take long: there is no deadline but its
   * death.
   */
  async #ready(running: Running, signal: AbortSignal): Promise<ServerUp | null> {
    let dead = false;
    void running.died.then(() => {
      dead = true;
    });
    const account = this.#account(running.socketPath);
    let tellAt = performance.now() + STILL_STARTING_MS;
    let lastError = '';
    while (!dead) {
      signal.throwIfAborted();
      try {
        const { version, serverId, dataDir, readOnly } = await login(account);
        if (resolve(dataDir) !== this.#paths.dataDir)
          throw new Error(`the socket belongs to a server on ${dataDir}`);
        const { pid, adopted, crashed, port, socketPath } = running;
        if (!readOnly || isClosedServerId(serverId)) {
          return { pid, adopted, crashed, serverId, port, socketPath, version };
        }
        const closedId = closedServerId(await this.#stateFile.read());
        await takeServerId(account, closedId);
        return { pid, adopted, crashed, serverId: closedId, port, socketPath, version };
      } catch (error) {
        lastError = messageOf(error);
        if ((error as { errno?: number }).errno === ERRNO.accessDenied) throw this.#refused();
      }
      if (performance.now() > tellAt) {
        tellAt += STILL_STARTING_MS;
        this.#modules.logger.warn({ pid: running.pid, lastError }, 'server does not answer yet');
      }
      await sleep(READY_POLL_MS, signal);
    }
    return null;
  }

  /** Work on a server that was just started, before it is used. */
  async #afterStart({ crashed, socketPath }: ServerUp, startedAtMs: number): Promise<void> {
    const { binary, program, logger } = this.#modules;
    const { engineTables } = program;
    const { dataDir, setAside: asideDir, loadTimeZones: marker } = this.#paths;
    const account = this.#account(socketPath);
    if (crashed) await setAsideOrphans({ account, dataDir, engineTables, asideDir, startedAtMs }, logger);
    await loadMissingTimeZones({ ...account, binary, program, marker }, logger);
  }

  #notTruncated(): SkeinError {
    return new SkeinError(
      'LOG_NOT_TRUNCATED',
      `The database server could not take back what the cluster may lack: after it, its log has ${this.#modules.program.untruncated}. Its data is as it was. Its log is ${this.#paths.log}.`,
    );
  }

  #refused(): SkeinError {
    return new SkeinError(
      'SERVER_LOGIN_REFUSED',
      `The database server on ${this.#paths.dataDir} does not know this cluster's secret. The data directory belongs to another cluster. Give the node its own directory, or the secret with which the directory was made.`,
    );
  }

  /** Waits for the end of the process, and reports it once. */
  async #buried(running: Running, expected: boolean): Promise<ServerDown> {
    const death = await running.died;
    const said = await logTail(this.#paths.log, {
      ...{ from: running.logFrom, lines: 6, well: this.#modules.program.words.well },
    });
    const how =
      death.killedBy !== null
        ? `killed by ${death.killedBy}`
        : death.exitCode !== null
          ? `exit code ${death.exitCode}`
          : 'gone';
    const down: ServerDown = {
      pid: running.pid,
      reason: `${how}${expected || said === '' ? '' : `; its last lines: ${said}`}`,
      ...death,
      expected: expected || this.#expectDeath,
      wasUp: this.#upPid === running.pid,
    };
    if (this.#running === running || this.#running === null) {
      this.#running = null;
      this.#current = null;
      await this.#stateFile.write({ ...(await this.#stateFile.read()), process: null });
    }
    if (!down.expected) this.#modules.logger.error({ pid: down.pid, reason: down.reason }, 'server died');
    this.down.emit(down);
    return down;
  }

  /** Sends nothing to a process that was never started or is gone: its pid may belong to another process by now. */
  #send(running: Running, signal: 'SIGTERM' | 'SIGKILL'): void {
    if (running.pid <= 0 || !mayBeAlive(running)) return;
    try {
      process.kill(running.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

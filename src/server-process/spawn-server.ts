/** Starts one server process, closed. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecoverAs, ServerProgram, ServerTls } from '../flavour/server-program.js';
import { SkeinError } from '../model/error.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import { exists, replaceFile } from '../std/files.js';
import { findFreePort, isPortFree } from '../std/free-port.js';
import type { Logger } from '../std/logger.js';
import { readProcess } from '../std/processes.js';
import type { RunUser } from '../std/run-user.js';
import type { TlsIdentity } from '../std/tls-source.js';
import { recordProcess } from './adoption.js';
import { endedInOrder, prepareTmpDir, removeRelayState, writeDataFiles } from './data-dir.js';
import { deathOf, type Running } from './process-run.js';
import { refuseOlder } from './refuse-older.js';
import { socketPathFor } from './run-dir.js';
import { rotateLog } from './server-log.js';
import type { ServerPaths } from './server-paths.js';
import { closedServerId, type ServerState, type ServerStateFile } from './server-state.js';
import { writeServerTls } from './server-tls.js';

export interface SpawnOptions {
  /** Loopback TCP port. Without it a port is chosen, and used again as long as it is free. */
  readonly port?: number;
  /** See ServerSettings. */
  readonly serverUuid?: string;
  readonly bufferPoolBytes?: number;
  readonly redoLogBytes?: number;
  readonly extraArgs?: readonly string[];
  /** Certificate and key for TCP clients, that is, for clients of the MySQL ports. */
  readonly tls?: () => TlsIdentity;
  /**
   * The server id during the start after a crash. A server that died in the middle of DDL finishes it at its next start, and
   * writes it into its log under this id. On a primary this is the id of the epoch in which the DDL began, on a replica the
   * id of recoveries. As soon as the server answers, it gets the id of a closed server. Null or absent: it has such an id
   * from the beginning.
   */
  readonly recoveryServerId?: () => number | null;
  /**
   * Asked at each start after a crash, which waits for the answer. It rejects when the signal aborts, and no server is started.
   * Absent: `primary`.
   */
  readonly recoverAs?: (signal: AbortSignal) => RecoverAs | Promise<RecoverAs>;
}

export interface SpawnModules {
  readonly binary: ServerBinary;
  readonly program: ServerProgram;
  readonly logger: Logger;
  readonly paths: ServerPaths;
  readonly stateFile: ServerStateFile;
  readonly user: RunUser;
  /** Ends the wait for `recoverAs`. */
  readonly signal: AbortSignal;
}

/** @throws SkeinError SERVER_TOO_OLD, PORT_IN_USE, RUN_DIR_UNSAFE, SOCKET_PATH_TOO_LONG */
export async function spawnServer(
  options: SpawnOptions,
  { binary, program, logger, paths, stateFile, user, signal }: SpawnModules,
): Promise<Running> {
  await refuseOlder(paths.dataDir, binary);
  const before = await stateFile.read();
  const port = await choosePort(options.port, before.port);
  // The number is written before the start, so that a start that crashes half-way does not lead to the same id twice.
  const state: ServerState = { ...before, starts: before.starts + 1, port, process: null };
  await stateFile.write(state);
  const socketPath = await socketPathFor(paths.dataDir, user);
  await prepareTmpDir(paths.tmpDir, user);
  await rotateLog(paths.log);
  await removeRelayState(paths.dataDir, program);
  const crashed = !(await endedInOrder(paths.dataDir)) || (await exists(paths.unsettled));
  // The crash must be recorded now: if the next server ends in order, its log no longer shows the crash.
  if (crashed) await replaceFile(paths.unsettled, '');
  const recoverAs = crashed ? await (options.recoverAs?.(signal) ?? 'primary') : 'primary';
  const own = options.serverUuid === undefined ? {} : { serverUuid: options.serverUuid };
  await writeDataFiles(paths.dataDir, program.dataFiles(own), user);
  const args = program.serverArgs(binary, {
    dataDir: paths.dataDir,
    tmpDir: paths.tmpDir,
    socketPath,
    port,
    serverId: options.recoveryServerId?.() ?? closedServerId(state),
    ...own,
    ...(options.bufferPoolBytes === undefined ? {} : { bufferPoolBytes: options.bufferPoolBytes }),
    ...(options.redoLogBytes === undefined ? {} : { redoLogBytes: options.redoLogBytes }),
    tls: await writeTls(options, paths, user),
    recoverAs,
    extraArgs: [...(user.uid === 0 ? program.asRoot : []), ...(options.extraArgs ?? [])],
  });
  const log = await open(paths.log, 'a', 0o640);
  try {
    const logFrom = (await log.stat()).size;
    const child = spawn(binary.command, args, {
      cwd: paths.dataDir,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      // The server does not get the node's environment, which may contain tokens and options of the client library.
      env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      ...(user.switched ? { uid: user.uid, gid: user.gid } : {}),
    });
    const died = deathOf(child);
    const info = child.pid === undefined ? null : readProcess(child.pid);
    if (info !== null) await recordProcess(stateFile, state, info);
    logger.info({ pid: child.pid ?? null, port, user: user.name, start: state.starts }, 'server started');
    return {
      pid: child.pid ?? 0,
      startedAt: info?.startedAt ?? '',
      adopted: false,
      crashed,
      port,
      socketPath,
      logFrom,
      died,
      unwatch: () => child.unref(),
    };
  } finally {
    await log.close();
  }
}

/** Copies certificate and key, because the server often runs as a user who cannot read the original files. */
export async function writeTls(
  { tls }: SpawnOptions,
  { directory }: ServerPaths,
  user: RunUser,
): Promise<ServerTls | null> {
  const identity = tls?.();
  if (!identity) return null;
  return writeServerTls(join(directory, 'tls'), identity, user);
}

async function choosePort(fixed: number | undefined, last: number | null): Promise<number> {
  if (fixed !== undefined) {
    if (await isPortFree(fixed)) return fixed;
    throw new SkeinError(
      'PORT_IN_USE',
      `The database server's port 127.0.0.1:${fixed} is taken by another program. Stop that, or give the server another port.`,
      { data: { port: fixed } },
    );
  }
  return last !== null && (await isPortFree(last)) ? last : await findFreePort();
}

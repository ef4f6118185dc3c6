/** Finds the server that already runs on a data directory, and takes it over. Logs each process that it refuses. */
import type { ServerProgram } from '../flavour/server-program.js';
import type { Logger } from '../std/logger.js';
import { argumentValue, type ProcessInfo } from '../std/processes.js';
import { goneOf, type Running } from './process-run.js';
import { findServer } from './running-server.js';
import type { ServerState, ServerStateFile } from './server-state.js';

/** Null when no server of this node runs there. */
export async function adoptRunning(
  dataDir: string,
  { stateFile, program, logger }: { stateFile: ServerStateFile; program: ServerProgram; logger: Logger },
): Promise<Running | null> {
  const state = await stateFile.read();
  const pid = await stateFile.readPid();
  const { found, refused } = await findServer(dataDir, { ...state, pid }, program);
  for (const { info, reason } of refused) {
    logger.warn(
      { pid: info.pid, uid: info.uid, reason },
      "a process has the data directory in its arguments but is not this node's server: not adopted",
    );
  }
  if (found === null) {
    if (pid !== null) logger.info({ pid }, "server.pid does not name this node's server: not adopted");
    return null;
  }
  if (!found.recorded) {
    logger.warn({ pid: found.info.pid, recordedPid: pid }, 'found the running server without its pid file');
    await recordProcess(stateFile, state, found.info);
  }
  return adopted(found.info);
}

function adopted(info: ProcessInfo): Running {
  const watching = new AbortController();
  return {
    pid: info.pid,
    startedAt: info.startedAt,
    adopted: true,
    crashed: true,
    port: Number(argumentValue(info.args, 'port')),
    socketPath: argumentValue(info.args, 'socket') ?? '',
    logFrom: 0,
    died: goneOf(info, watching.signal),
    unwatch: () => watching.abort(),
  };
}

/** Records the process, so that the next node recognises it. */
export async function recordProcess(
  stateFile: ServerStateFile,
  state: ServerState,
  { pid, startedAt }: ProcessInfo,
): Promise<void> {
  await stateFile.write({ ...state, process: { pid, startedAt } });
}

import { lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ServerProgram } from '../flavour/server-program.js';
import { argumentValue, findProcesses, type ProcessInfo } from '../std/processes.js';
import { unsafeBecause } from './run-dir.js';
import type { StartedProcess } from './server-state.js';

export interface FoundServer {
  readonly info: ProcessInfo;
  /** False when the record was not written because the node died right after starting the server. */
  readonly recorded: boolean;
}

/**
 * Finds the server process that runs on a data directory, and processes that only look like it. The arguments of a process
 * prove nothing, because any local user can start a process with them. So a server is accepted only when it runs as the
 * owner of the data and its socket is where no other user can put one. A user who can do both has the data anyway.
 */
export async function findServer(
  dataDir: string,
  known: { readonly process: StartedProcess | null; readonly pid: number | null },
  program: Pick<ServerProgram, 'isOffline'>,
): Promise<{ found: FoundServer | null; refused: { info: ProcessInfo; reason: string }[] }> {
  const refused: { info: ProcessInfo; reason: string }[] = [];
  let found: FoundServer | null = null;
  for (const info of findProcesses((candidate) => namesDataDir(candidate, dataDir, program))) {
    const reason = await notOursBecause(info, dataDir);
    if (reason !== null) {
      refused.push({ info, reason });
      continue;
    }
    const { process: last, pid } = known;
    const recorded =
      last !== null && last.pid === pid && last.pid === info.pid && last.startedAt === info.startedAt;
    if (found === null || recorded) found = { info, recorded };
  }
  return { found, refused };
}

function namesDataDir(
  info: ProcessInfo,
  dataDir: string,
  { isOffline }: Pick<ServerProgram, 'isOffline'>,
): boolean {
  if (info.pid === process.pid || isOffline(info.args)) return false;
  return argumentValue(info.args, 'datadir') === dataDir && argumentValue(info.args, 'socket') !== undefined;
}

async function notOursBecause(info: ProcessInfo, dataDir: string): Promise<string | null> {
  const owner = await stat(dataDir).catch(() => null);
  if (owner === null) return 'the data directory cannot be read';
  if (info.uid !== owner.uid) {
    return `it runs as user ${info.uid ?? 'unknown'}, and the data belongs to user ${owner.uid}`;
  }
  const socket = argumentValue(info.args, 'socket') ?? '';
  const unsafe = await unsafeBecause(dirname(socket), owner.uid);
  if (unsafe !== null) return `the directory of its socket ${socket} is not safe: ${unsafe}`;
  // A server that is starting may have no socket yet.
  const file = await lstat(socket).catch(() => null);
  if (file !== null && !file.isSocket()) return `${socket} is no socket`;
  if (file !== null && file.uid !== owner.uid) return `its socket ${socket} belongs to user ${file.uid}`;
  return null;
}

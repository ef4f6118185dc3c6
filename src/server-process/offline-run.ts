import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OfflineRun, ServerProgram } from '../flavour/server-program.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import { type RunResult, run } from '../std/run.js';
import type { RunUser } from '../std/run-user.js';

/** A server's program, and how it is run. */
export interface ServerTools {
  readonly binary: ServerBinary;
  readonly program: ServerProgram;
}

/** Runs the program where it serves nobody, as `user`; null = as the node's own user. A bad exit code is a result. */
export async function runProgram(
  { binary, program }: ServerTools,
  dataDir: string,
  { args, input, file, endlessAfter, leaves = [] }: OfflineRun,
  { user, signal, env }: { user: RunUser | null; signal?: AbortSignal | undefined; env?: NodeJS.ProcessEnv },
): Promise<RunResult> {
  const switched = user?.switched ? user : null;
  const uid = user?.uid ?? process.getuid?.();
  const given = file === undefined ? null : await writeGiven(file.text, switched);
  try {
    return await run(
      binary.command,
      [
        ...args,
        ...(given === null ? [] : [`${file?.option}=${given.path}`]),
        ...(uid === 0 ? program.asRoot : []),
      ],
      {
        cwd: dataDir,
        input,
        ...(env === undefined ? {} : { env }),
        ...(endlessAfter === undefined ? {} : { endlessAfter }),
        ...(switched === null ? {} : { uid: switched.uid, gid: switched.gid }),
        ...(signal === undefined ? {} : { signal }),
      },
    );
  } finally {
    await given?.remove();
    await Promise.all(leaves.map((name) => rm(join(dataDir, name), { force: true })));
  }
}

/** Only the user that runs the program can read it. */
async function writeGiven(
  text: string,
  user: RunUser | null,
): Promise<{ path: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'skein-run-'));
  const path = join(directory, 'statements.sql');
  await writeFile(path, text, { mode: 0o600 });
  if (user !== null) for (const name of [path, directory]) await chown(name, user.uid, user.gid);
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}

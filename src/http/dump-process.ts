/** One run of the server's dump program on it. Its text is a stream; `ended` says whether the text is complete. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ServerAccess } from '../api/node-view.js';

/** The end of the program's error output is the reason of a failure. */
const ERRORS_MAX = 2_000;

export interface DumpProcess {
  readonly output: Readable;
  /** Null when it ended in order, else its reason. */
  readonly ended: Promise<string | null>;
  kill(): void;
}

/**
 * @param databases  all of them with their CREATE DATABASE
 * @param options.dumpArgs  see ServerProgram
 * @param options.bare  one database without its name, so that it can be loaded into another
 */
export function startDump(
  { socketPath, dumpProgram, passwordOf }: ServerAccess,
  databases: readonly string[],
  { bare, dumpArgs }: { bare: boolean; dumpArgs: readonly string[] },
): DumpProcess {
  const child: ChildProcess = spawn(
    dumpProgram,
    [
      ...dumpArgs,
      `--socket=${socketPath}`,
      '--user=skein',
      ...(bare ? [] : ['--databases']),
      '--',
      ...databases,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      // The password is in the environment, which only this user and root can read. Every user can read arguments.
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', MYSQL_PWD: passwordOf('skein') },
    },
  );
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-ERRORS_MAX);
  });
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(`${dumpProgram} cannot be started: ${error.message}`));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? null : errors.trim() || `${dumpProgram} ended with ${code ?? signal}`),
    );
  });
  const output = child.stdout as Readable;
  const kill = () => {
    child.kill('SIGTERM');
    // The rest of the output may have no reader; left unread, it would hide the end of the program.
    output.destroy();
  };
  return { output, ended, kill };
}

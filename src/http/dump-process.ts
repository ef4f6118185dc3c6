/**
 * One run of `mariadb-dump` on the local server: its text comes out as a stream, and whether it is whole is known at
 * the end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ServerAccess } from '../api/node-view.js';

/**
 * All that belongs to a schema, at one position: views, triggers, routines and events as well as rows. Nothing is locked or
 * written; `--master-data=2` only writes the position down, as a comment. Bytes that are no text are written in hex.
 */
const OPTIONS = [
  '--no-defaults',
  '--single-transaction',
  '--master-data=2',
  '--gtid',
  '--routines',
  '--events',
  '--triggers',
  '--quick',
  '--hex-blob',
  '--default-character-set=utf8mb4',
];
/** The last words of the program are its reason. */
const ERRORS_MAX = 2_000;

export interface DumpProcess {
  readonly output: Readable;
  /** Null when it ended in order, else its reason. */
  readonly ended: Promise<string | null>;
  kill(): void;
}

/**
 * @param databases  all of them with their CREATE DATABASE
 * @param options.bare  one database without its name, so that it can be loaded into another
 */
export function startDump(
  { socketPath, dumpProgram, passwordOf }: ServerAccess,
  databases: readonly string[],
  { bare }: { bare: boolean },
): DumpProcess {
  const child: ChildProcess = spawn(
    dumpProgram,
    [
      ...OPTIONS,
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
    // What is left in it may have no reader any more, and the end of the program would not be seen behind it.
    output.destroy();
  };
  return { output, ended, kill };
}

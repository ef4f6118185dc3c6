/**
 * Runs of mysqld that serve nobody. It has no way to read statements from its input. It takes them from a file when it starts, one
 * statement a line, and the last one ends it.
 */
import type { OfflineRun, ProgramFiles } from '../../server-program.js';
import { commonArgs } from './server-args.js';

/** Redo log of the template; the server resizes it at its first real start. */
const TEMPLATE_REDO_BYTES = 16 * 2 ** 20;

/** Tells such a run from a server. */
const PID_FILE_ARG = '--pid-file=offline.pid';

/** A statement of the file failed. The server leaves the others out, and begins to serve (seen on 9.7). */
const STATEMENT_FAILED = /\[ERROR\] \[MY-000061\]/;

/** It has no network and no binary log. */
function offlineArgs(files: ProgramFiles, dataDir: string): string[] {
  return [
    ...commonArgs(files),
    `--datadir=${dataDir}`,
    `--tmpdir=${dataDir}`,
    '--skip-networking',
    // Relative to the data directory, where only the owner of the data can dial it: a whole path may be too long.
    '--socket=offline.sock',
    PID_FILE_ARG,
    '--skip-log-bin',
    '--skip-replica-start',
    '--event-scheduler=OFF',
    '--log-error-verbosity=2',
    '--tls-version=',
    // A key that clients encrypt passwords with is made by each server for itself, not once for all that copy a template.
    '--caching-sha2-password-auto-generate-rsa-keys=OFF',
    '--performance-schema=OFF',
    '--innodb-buffer-pool-size=16M',
    `--innodb-redo-log-capacity=${TEMPLATE_REDO_BYTES}`,
  ];
}

/** In the template, each server with a copy of it would have the same. */
const OWN_UUID = 'auto.cnf';

export function emptyServer(
  files: ProgramFiles,
  dataDir: string,
  { timeZones }: { timeZones: string },
): OfflineRun {
  return {
    // All other accounts are locked: they are the definers of the server's own views.
    ...inFile(`USE mysql;\n${timeZones}DROP USER 'root'@'localhost';\n`),
    // The directory is of no use if this run is cut short, so nothing needs to be written twice.
    args: [...offlineArgs(files, dataDir), '--initialize-insecure', '--innodb-doublewrite=OFF'],
    leaves: [OWN_UUID],
  };
}

export function statements(files: ProgramFiles, dataDir: string, sql: readonly string[]): OfflineRun {
  return { args: offlineArgs(files, dataDir), ...inFile(lines(['USE mysql', ...sql, 'SHUTDOWN'])) };
}

/**
 * A server without a binary log rolls back at its start what its engine has prepared for one; prepared branches of XA stay (seen on
 * 9.7). `--tc-heuristic-recover` changes nothing about that.
 */
export function rollBackPrepared(files: ProgramFiles, dataDir: string): OfflineRun {
  return statements(files, dataDir, []);
}

export function hasRolledBack(code: number | null): boolean {
  return code === 0;
}

export function isOffline(args: readonly string[]): boolean {
  return args.includes(PID_FILE_ARG);
}

export function hasFailed(output: string): boolean {
  return STATEMENT_FAILED.test(output);
}

export function saysWhy(line: string): boolean {
  return /\[ERROR\]|error while loading/.test(line);
}

function lines(sql: readonly string[]): string {
  return `${sql.join(';\n')};\n`;
}

function inFile(text: string): Pick<OfflineRun, 'input' | 'file' | 'endlessAfter'> {
  return { input: '', file: { option: '--init-file', text }, endlessAfter: STATEMENT_FAILED };
}

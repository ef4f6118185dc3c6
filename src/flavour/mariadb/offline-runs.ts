/** Runs of mariadbd that serve nobody: `--bootstrap` reads SQL from standard input, one statement a line. */
import type { PasswordOf } from '../accounts.js';
import type { OfflineRun, ProgramFiles } from '../server-program.js';
import { accountStatements } from './accounts.js';
import { FILE_FORMAT_ARGS } from './server-args.js';

/** Redo log of the template; the server resizes it at its first real start. */
const TEMPLATE_REDO_BYTES = 8 * 2 ** 20;

/** It has no network, no accounts in force, no binary log. */
function bootstrapArgs({ pathArgs }: ProgramFiles, dataDir: string): string[] {
  return [
    '--no-defaults',
    '--bootstrap',
    ...pathArgs,
    `--datadir=${dataDir}`,
    // In a shared directory, a server that starts meanwhile would remove the temporary tables of this one (seen on 10.11).
    `--tmpdir=${dataDir}`,
    // System tables use several engines, which the enforced engine for users would not allow.
    '--enforce-storage-engine=',
    '--log-warnings=0',
    '--max-allowed-packet=8M',
    '--net-buffer-length=16K',
    '--performance-schema=0',
    '--skip-log-bin',
    ...FILE_FORMAT_ARGS,
    `--innodb-log-file-size=${TEMPLATE_REDO_BYTES}`,
    '--innodb-buffer-pool-size=8M',
    // The accounts made here must be on disk before the directory gets its name.
    '--innodb-flush-log-at-trx-commit=1',
    '--innodb-fast-shutdown=0',
  ];
}

/** The accounts that the server's own SQL creates for a fresh installation. */
const REMOVE_ACCOUNTS: readonly string[] = [
  // mariadb.sys stays: it is the definer of the server's own views, is locked and has no password.
  "DELETE FROM mysql.global_priv WHERE NOT (User='mariadb.sys' AND Host='localhost')",
  "DELETE FROM mysql.db WHERE User<>'mariadb.sys'",
  "DELETE FROM mysql.tables_priv WHERE User<>'mariadb.sys'",
  'DELETE FROM mysql.proxies_priv',
];

export function emptyServer(
  files: ProgramFiles,
  dataDir: string,
  { systemTables, timeZones }: { systemTables: readonly string[]; timeZones: string },
): OfflineRun {
  const sql = ['CREATE DATABASE mysql', 'USE mysql', 'SET @auth_root_socket=NULL'].join(';\n');
  const cleaning = `USE mysql;\n${REMOVE_ACCOUNTS.join(';\n')};\n`;
  return {
    args: bootstrapArgs(files, dataDir),
    input: `${sql};\n${systemTables.join('\n')}\n${cleaning}${timeZones}`,
  };
}

export function statements(files: ProgramFiles, dataDir: string, sql: readonly string[]): OfflineRun {
  // The server refuses statements about accounts until the tables of privileges are loaded.
  const all = ['USE mysql', 'FLUSH LOCAL PRIVILEGES', ...sql];
  return { args: bootstrapArgs(files, dataDir), input: `${all.join(';\n')};\n` };
}

export function ownAccounts(files: ProgramFiles, dataDir: string, passwordOf: PasswordOf): OfflineRun {
  return statements(files, dataDir, accountStatements(passwordOf));
}

export function rollBackPrepared(files: ProgramFiles, dataDir: string): OfflineRun {
  const args = [
    ...bootstrapArgs(files, dataDir),
    '--tc-heuristic-recover=ROLLBACK',
    // The real start does the rest of the work in the background.
    '--innodb-fast-shutdown=1',
    '--innodb-buffer-pool-dump-at-shutdown=0',
  ];
  return { args, input: '' };
}

/** A server from 11 on ends with an error when it has done what it should, behind these words. */
export function hasRolledBack(code: number | null, output: string): boolean {
  if (code !== 1) return code === 0;
  return (
    output.includes('Please restart without --tc-heuristic-recover') &&
    !output.includes('Heuristic crash recovery failed')
  );
}

export function isOffline(args: readonly string[]): boolean {
  return args.includes('--bootstrap');
}

export function hasFailed(output: string): boolean {
  return /^ERROR: /m.test(output);
}

export function saysWhy(line: string): boolean {
  return /ERROR|error while loading/.test(line);
}

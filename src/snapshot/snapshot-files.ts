import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Older releases name them after the program that mariadb-backup comes from. */
const NAMES = {
  checkpoints: ['xtrabackup_checkpoints', 'mariadb_backup_checkpoints'],
  info: ['xtrabackup_info', 'mariadb_backup_info'],
  binlog: ['xtrabackup_binlog_info', 'mariadb_backup_binlog_info'],
} as const;

/**
 * The files of a copied data directory, beside the databases' directories, that a server needs. All others (logs, replication
 * state, identities, the backup's own notes) belong to the server that was copied.
 */
const KEPT_FILES = /^(ibdata\d+|undo\d+|ib_logfile\d+|aria_log_control|aria_log\.\d+)$/;

/** Facts about a snapshot, from its own files. */
export interface SnapshotFacts {
  /** Version of the server that it was taken from. */
  readonly serverVersion: string;
  /** `full-backuped` as it was taken, `full-prepared` when a server can be started on it. */
  readonly state: string;
}

/** Null when one of the last files is missing: then the snapshot is incomplete. */
export async function readFacts(directory: string): Promise<SnapshotFacts | null> {
  const [checkpoints, info, binlog] = await Promise.all(
    [NAMES.checkpoints, NAMES.info, NAMES.binlog].map((names) => readFirst(directory, names)),
  );
  if (checkpoints === null || info === null || binlog === null) return null;
  const state = /^backup_type\s*=\s*(\S+)/m.exec(checkpoints ?? '')?.[1];
  const serverVersion = /^server_version\s*=\s*(\S+)/m.exec(info ?? '')?.[1];
  return state && serverVersion ? { state, serverVersion } : null;
}

/** Removes the files that belong to the server that was copied. */
export async function keepOnlyData(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory() || KEPT_FILES.test(entry.name)) continue;
    await rm(join(directory, entry.name), { force: true });
  }
}

async function readFirst(directory: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    const text = await readFile(join(directory, name), 'utf8').catch(() => null);
    if (text !== null) return text;
  }
  return null;
}

import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSkeinError, SkeinError } from '../model/error.js';
import { REMOVE_TEMPLATE_ACCOUNTS } from '../mysql-control/accounts.js';
import { timeZoneSql } from '../mysql-control/time-zones.js';
import { type ServerBinary, systemTableFiles } from '../server-packages/server-binary.js';
import {
  copyTree,
  exists,
  openForReading,
  publishDirectory,
  sweepTemporary,
  temporaryName,
} from '../std/files.js';
import { withLock } from '../std/lock-file.js';
import type { Logger } from '../std/logger.js';
import { lastLines, run } from '../std/run.js';
import type { RunUser } from '../std/run-user.js';
import { bootstrapArgs } from './settings.js';

/** To be increased with every change of the template's content. */
const TEMPLATE_FORMAT = 2;

export interface TemplateModules {
  readonly binary: ServerBinary;
  readonly cacheDir: string;
  readonly logger: Logger;
}

/**
 * Fills `directory`, which must not exist, with the files of an empty server: system tables and named time zones, but no
 * account for a login, no binary log and no GTID. The files are made once for each version of the server, and copied after
 * that (0.05 s instead of 1 s).
 * @throws SkeinError TEMPLATE_FAILED
 */
export async function copyTemplate(
  directory: string,
  modules: TemplateModules,
  signal?: AbortSignal,
): Promise<void> {
  const template = await cachedTemplate(modules, signal);
  if (template !== null) await copyTree(template, directory);
  else await makeTemplate(directory, modules, signal);
}

/** Null when the node cannot write the cache, because it may belong to another user. */
async function cachedTemplate(modules: TemplateModules, signal?: AbortSignal): Promise<string | null> {
  const { binary, cacheDir, logger } = modules;
  const name = `${binary.flavour}-${binary.version.replace(/[^A-Za-z0-9.+-]/g, '_')}-t${TEMPLATE_FORMAT}`;
  const path = join(cacheDir, 'templates', name);
  if (await exists(path)) return path;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await withLock(
      `${path}.lock`,
      async () => {
        if (await exists(path)) return;
        await sweepTemporary(path);
        const temporary = temporaryName(path);
        await makeTemplate(temporary, modules, signal);
        await openForReading(temporary);
        await publishDirectory(temporary, path);
      },
      signal,
    );
    return path;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw error;
    logger.warn({ path, reason: code }, 'the cache cannot be written: making a data directory without it');
    return null;
  }
}

async function makeTemplate(
  directory: string,
  modules: TemplateModules,
  signal?: AbortSignal,
): Promise<void> {
  const { binary, logger } = modules;
  const files = (await systemTableFiles(binary.shareDir)) ?? [];
  const parts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const started = performance.now();
  await mkdir(directory, { mode: 0o755 });
  try {
    const sql = ['CREATE DATABASE mysql', 'USE mysql', 'SET @auth_root_socket=NULL'].join(';\n');
    const cleaning = `USE mysql;\n${REMOVE_TEMPLATE_ACCOUNTS.join(';\n')};\n`;
    const zones = await zonesOrNone(modules, signal);
    await bootstrap(binary, directory, `${sql};\n${parts.join('\n')}\n${cleaning}${zones}`, null, signal);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  logger.info(
    { directory, version: binary.version, durationMs: Math.round(performance.now() - started) },
    'made an empty data directory',
  );
}

/** A server works without named zones too. Then each start tries to load them, and logs why it could not. */
async function zonesOrNone({ binary, logger }: TemplateModules, signal?: AbortSignal): Promise<string> {
  try {
    return await timeZoneSql(binary, signal);
  } catch (error) {
    if (!isSkeinError(error, 'TIME_ZONES_MISSING')) throw error;
    logger.warn({ reason: error.message }, 'a data directory is made without named time zones');
    return '';
  }
}

/**
 * Runs SQL in a server without network or accounts, as `user`; null = as the node's own user.
 * @throws SkeinError TEMPLATE_FAILED
 */
export async function bootstrap(
  binary: ServerBinary,
  dataDir: string,
  sql: string,
  user: RunUser | null,
  signal?: AbortSignal,
): Promise<void> {
  const uid = user?.uid ?? process.getuid?.();
  // mariadbd runs as root only when the option says so.
  const args = [...bootstrapArgs(binary, dataDir), ...(uid === 0 ? ['--user=root'] : [])];
  const result = await run(binary.command, args, {
    cwd: dataDir,
    input: sql,
    ...(user?.switched ? { uid: user.uid, gid: user.gid } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.code === 0 && !/^ERROR: /m.test(result.stderr)) return;
  // Only lines with ERROR, because other lines may quote statements with passwords.
  const errors = result.stderr.split('\n').filter((line) => /ERROR|error while loading/.test(line));
  throw new SkeinError(
    'TEMPLATE_FAILED',
    `${binary.command} could not fill a new data directory (exit ${result.code ?? result.killedBy}): ${lastLines(errors.join('\n'), 3)}`,
  );
}

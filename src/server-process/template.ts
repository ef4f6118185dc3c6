import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OfflineRun } from '../flavour/server-program.js';
import { isSkeinError, SkeinError } from '../model/error.js';
import { timeZoneSql } from '../mysql-control/time-zones.js';
import { systemTableFiles } from '../server-packages/server-binary.js';
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
import { lastLines } from '../std/run.js';
import type { RunUser } from '../std/run-user.js';
import { runProgram, type ServerTools } from './offline-run.js';

/** To be increased with every change of the template's content. */
const TEMPLATE_FORMAT = 2;

export interface TemplateModules extends ServerTools {
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
  const { binary, program, logger } = modules;
  const files = (await systemTableFiles(binary.shareDir)) ?? [];
  const systemTables = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const started = performance.now();
  await mkdir(directory, { mode: 0o755 });
  try {
    const timeZones = await zonesOrNone(modules, signal);
    const filling = program.emptyServer(binary, directory, { systemTables, timeZones });
    await runOffline(modules, directory, filling, null, signal);
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
async function zonesOrNone(modules: TemplateModules, signal?: AbortSignal): Promise<string> {
  try {
    return await timeZoneSql(modules, signal);
  } catch (error) {
    if (!isSkeinError(error, 'TIME_ZONES_MISSING')) throw error;
    modules.logger.warn({ reason: error.message }, 'a data directory is made without named time zones');
    return '';
  }
}

/**
 * Runs the program where it serves nobody, as `user`; null = as the node's own user.
 * @throws SkeinError TEMPLATE_FAILED
 */
export async function runOffline(
  { binary, program }: ServerTools,
  dataDir: string,
  offline: OfflineRun,
  user: RunUser | null,
  signal?: AbortSignal,
): Promise<void> {
  const result = await runProgram({ binary, program }, dataDir, offline, { user, signal });
  if (result.code === 0 && !program.hasFailed(result.stderr)) return;
  const errors = result.stderr.split('\n').filter((line) => program.saysWhy(line));
  throw new SkeinError(
    'TEMPLATE_FAILED',
    `${binary.command} could not fill a new data directory (exit ${result.code ?? result.killedBy}): ${lastLines(errors.join('\n'), 3)}`,
  );
}

import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ServerProgram } from '../flavour/server-program.js';
import { messageOf, SkeinError } from '../model/error.js';
import { Connection } from '../mysql-client/connection.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import { exists, replaceFile } from '../std/files.js';
import type { Logger } from '../std/logger.js';
import { lastLines, run } from '../std/run.js';
import { withDeadline } from '../std/timing.js';

/**
 * Named time zones: the server looks them up in tables of its own (mysql.time_zone and four more), which are empty unless
 * filled. Each node fills them without logging it, from the zone files that came with its server.
 */

/** Seen from the directory of the server's program. The last is where an obtained server's tree has it. */
const PROGRAM_PLACES = ['.', '../bin', '../root/usr/bin'];
const HOST_ZONES = '/usr/share/zoneinfo';
const READ_TIMEOUT_MS = 20_000;
const LOAD_TIMEOUT_MS = 60_000;

/**
 * A zone, or a directory of zones. Not `posix` and `right` (the same zones again), `localtime` (the host's own choice),
 * lists.
 */
const ZONE_ENTRY = /^[A-Z][^.]*$/;

export interface TimeZoneTools {
  readonly binary: ServerBinary;
  readonly program: Pick<ServerProgram, 'timeZones'>;
}

/**
 * SQL that fills the time zone tables of the current database, as the server's own program writes it.
 * @throws SkeinError TIME_ZONES_MISSING: the program or the zone files are not there, or it cannot read them
 */
export async function timeZoneSql(
  { binary, program: { timeZones } }: TimeZoneTools,
  signal?: AbortSignal,
): Promise<string> {
  const program = await firstThere(
    PROGRAM_PLACES.flatMap((place) =>
      timeZones.programs.map((name) => join(dirname(binary.command), place, name)),
    ),
  );
  if (program === null) throw missing(`${timeZones.programs.join(' or ')} is not beside ${binary.command}`);
  // Files of the server's own tree or distribution come first, because hosts with the same packages then have the same zones.
  const places = [join(binary.shareDir, '../zoneinfo'), HOST_ZONES];
  const zones = await firstThere(places);
  if (zones === null) throw missing(`there are no zone files in ${places.join(' or ')} (package tzdata)`);
  const chosen = await mkdtemp(join(tmpdir(), 'skein-zones-'));
  try {
    const names = (await readdir(zones)).filter((name) => ZONE_ENTRY.test(name));
    await Promise.all(names.map((name) => symlink(join(zones, name), join(chosen, name))));
    const lines: string[] = [];
    const result = await run(program, [chosen], {
      onLine: (line) => lines.push(line),
      timeoutMs: READ_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    if (result.code !== 0 || !lines.some((line) => line.startsWith('INSERT INTO time_zone_name')))
      throw missing(`${program} could not read ${zones}: ${lastLines(result.stderr, 2)}`);
    return `${lines.join('\n')}\n`;
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof SkeinError ? error : missing(`${program} failed: ${messageOf(error)}`, error);
  } finally {
    await rm(chosen, { recursive: true, force: true });
  }
}

export interface MissingZones extends TimeZoneTools {
  readonly socketPath: string;
  readonly user: string;
  readonly password: string;
  /**
   * File that exists while zones are loaded, so that they are loaded again after a crash. An operator creates it to load
   * newer zones.
   */
  readonly marker: string;
}

/**
 * Loads the zones, without logging them, into a server whose data directory was made without them, or when the operator asks
 * for it. Otherwise a server keeps the zones that it has. Where they cannot be loaded, the server works without named zones.
 */
export async function loadMissingTimeZones(
  { binary, program, socketPath, user, password, marker }: MissingZones,
  logger: Logger,
): Promise<void> {
  try {
    const connection = await Connection.connect({
      address: { socketPath },
      user,
      password,
      multiStatements: true,
    });
    try {
      const [row] = await connection.query('SELECT COUNT(*) FROM mysql.time_zone_name');
      if (Number(row?.[0]) > 0 && !(await exists(marker))) return;
      const started = performance.now();
      const sql = await timeZoneSql({ binary, program });
      await replaceFile(marker, '');
      await connection.query(program.timeZones.session);
      await withDeadline(connection.query(sql), LOAD_TIMEOUT_MS, 'Loading the time zones');
      await rm(marker, { force: true });
      logger.info({ durationMs: Math.round(performance.now() - started) }, 'time zones loaded');
    } finally {
      connection.destroy();
    }
  } catch (error) {
    logger.warn(
      { reason: messageOf(error) },
      'time zones are not loaded: named zones are unknown to the server',
    );
  }
}

/** Takes some 10 ms. The sums include the ids of the zones, which the program assigns in the order of their names. */
export const TIME_ZONE_SUMS =
  'CHECKSUM TABLE mysql.time_zone_name, mysql.time_zone_transition, mysql.time_zone_transition_type';

async function firstThere(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) if (await exists(path)) return path;
  return null;
}

function missing(why: string, cause?: unknown): SkeinError {
  return new SkeinError('TIME_ZONES_MISSING', `The time zones cannot be read: ${why}.`, { cause });
}

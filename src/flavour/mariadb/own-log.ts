/** Reads the server's own binary log, and resets it. */

import { SkeinError } from '../../model/error.js';
import { plainText } from '../../mysql-client/sql-text.js';
import type { Query } from '../server-sql.js';
import { RECOVERY_SERVER_ID } from './ddl-recovery.js';
import { parseMariadbGtid } from './gtid.js';
import { serverReading } from './server-status.js';

/** A server that dies at each start before its recovery is finished begins a log file each time. Only this many are read. */
const RECOVERED_FILES_MAX = 10;

/** The GTID after which the oldest file of the log begins; '' = it is the first of all. */
export async function logBegin(query: Query): Promise<string> {
  const [oldest] = await query('SHOW BINARY LOGS');
  return (await fileBegin(query, String(oldest?.Log_name))) ?? '';
}

/** The GTID after which a file of the log begins; '' = it is the first of all, null = the file does not say so. */
export async function fileBegin(query: Query, file: string): Promise<string | null> {
  const events = await query(`SHOW BINLOG EVENTS IN '${file}' LIMIT 5`);
  const list = events.find(({ Event_type: type }) => type === 'Gtid_list');
  return list ? lastGtid(String(list.Info)) : null;
}

/** To find a place, the server reads that file of its log from the beginning; a file has 1 GiB at most. */
const PLACE_DEADLINE_MS = 120_000;

/** The GTID of the last transaction before a place in the log; '' = none. */
export async function gtidAt(
  query: Query,
  { file, offset }: { file: string; offset: number },
): Promise<string> {
  const [row] = await query(
    `SELECT BINLOG_GTID_POS(${plainText(file)}, ${Math.trunc(offset)}) AS gtid`,
    PLACE_DEADLINE_MS,
  );
  if (typeof row?.gtid !== 'string') {
    throw new SkeinError('LOG_PLACE_GONE', `The server's binary log no longer contains ${file}:${offset}.`);
  }
  return lastGtid(row.gtid);
}

/**
 * Keeps the server from purging its log by itself, because it does not know which member needs which file. Returns whether
 * somebody had set it to purge.
 */
export async function keepLogs(query: Query): Promise<boolean> {
  const [row] = await query('SELECT @@global.expire_logs_days AS days');
  if (Number(row?.days) === 0) return false;
  await query('SET GLOBAL expire_logs_days = 0');
  return true;
}

/**
 * Sets the position of a server whose data was copied from another one: its log begins after this transaction, it has
 * executed everything up to it, and it does not replicate. The position is read back. '' = nothing was ever written.
 * @throws SkeinError POSITION_NOT_SET
 */
export async function beginAt(query: Query, gtid: string): Promise<void> {
  await query('STOP ALL SLAVES');
  await query('RESET SLAVE ALL');
  await resetLog(query, gtid);
  await query(`SET GLOBAL gtid_slave_pos = ${plainText(gtid)}`);
  const { gtidBinlogPos, gtidSlavePos } = await serverReading(query);
  if (gtidBinlogPos === gtid && gtidSlavePos === gtid) return;
  throw new SkeinError(
    'POSITION_NOT_SET',
    `The server should be at position "${gtid}", but reports "${gtidSlavePos}" (executed) and "${gtidBinlogPos}" (logged).`,
  );
}

/**
 * The server begins a new log file at each start, and its recovery writes first. More than one file when it died again
 * before it was settled.
 */
export async function writtenByRecovery(
  query: Query,
  binlogPos: string,
): Promise<{ logBefore: string; recovered: string[] }> {
  const recovered: string[] = [];
  let logBefore = binlogPos;
  if (!isOfRecovery(binlogPos)) return { logBefore, recovered };
  const files = await query('SHOW BINARY LOGS');
  for (const file of files.reverse().slice(0, RECOVERED_FILES_MAX)) {
    const events = await query(`SHOW BINLOG EVENTS IN '${file.Log_name}' LIMIT 100`);
    const statements = events.filter((event) => event.Event_type === 'Query');
    recovered.unshift(...statements.map((event) => String(event.Info)));
    const list = events.find((event) => event.Event_type === 'Gtid_list');
    logBefore = lastGtid(list?.Info ?? '');
    if (!isOfRecovery(logBefore)) break;
  }
  return { logBefore, recovered };
}

function isOfRecovery(gtid: string): boolean {
  return gtid.split('-')[1] === String(RECOVERY_SERVER_ID);
}

/**
 * Finishes a log reset that a crash interrupted: RESET MASTER removes the files one by one, the oldest first, so the index
 * lists files that are gone, or the log does not tell where it begins. Recovery was finished before the reset began, so the
 * log is reset again. Returns whether that was necessary. Only on a replica's server that does not replicate yet.
 */
export async function finishLogReset(query: Query): Promise<boolean> {
  const { gtidBinlogPos, gtidSlavePos } = await serverReading(query);
  const [oldest] = await query('SHOW BINARY LOGS');
  const isGone = Number(oldest?.File_size) === 0;
  if (!isGone && (gtidBinlogPos !== '' || gtidSlavePos === '')) return false;
  await resetLog(query, gtidSlavePos);
  return true;
}

export async function resetLog(query: Query, after: string): Promise<void> {
  await query('RESET MASTER');
  // The new log then names the transaction after which it begins.
  if (after !== '') await query(`SET GLOBAL gtid_binlog_state = '${after}'`);
}

/**
 * `[0-1-5,0-2-9]`, a list as SHOW BINLOG EVENTS prints it -> `0-2-9`; '' when there is none. It has one for each server id that
 * has written, so one for each epoch; the cluster's history is one, so the highest is the last.
 */
export function lastGtid(list: string): string {
  const all = list.match(/\d+-\d+-\d+/g) ?? [];
  const sequence = (gtid: string) => parseMariadbGtid(gtid).sequence;
  return all.reduce((last, gtid) => (last === '' || sequence(gtid) > sequence(last) ? gtid : last), '');
}

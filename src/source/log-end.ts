import type { FileHandle } from 'node:fs/promises';
import type { LogFlavour } from '../flavour/flavour.js';
import { ORIGIN } from '../model/position.js';
import { GroupSurvey } from './group-survey.js';
import { readLogFileHead } from './log-file-head.js';
import { inLogFile, logFileNames, walkLogFile } from './log-file-reader.js';

/** The end of a server's binary log, as its files have it. */
export interface LogEnd {
  /** The GTID of the last whole group; '' = nothing was ever logged. */
  readonly gtid: string;
  /** A file ends in the middle of a group. A server can neither dump such a file nor tell what is in it (1236). */
  readonly isTorn: boolean;
}

/**
 * Reads where a log ends, from its files. For a server that is down, or that is closed and does not replicate. What a server says
 * about this is wrong after some recoveries: its position then names groups that the recovery took out of the log.
 * @throws SkeinError as `DeadLogEnd.stopped`, or a system error
 */
export async function readLogEnd(dataDir: string, { flavour }: { flavour: LogFlavour }): Promise<LogEnd> {
  let isTorn = false;
  let begin = '';
  for (const name of (await logFileNames(dataDir)).toReversed()) {
    const found = await inLogFile(dataDir, name, (file) => endOfFile(file, flavour));
    isTorn ||= found.isTorn;
    if (found.last !== '') return { gtid: found.last, isTorn };
    begin = found.begin;
  }
  // No file has a group. The oldest one tells after which group the log was begun.
  return { gtid: begin, isTorn };
}

async function endOfFile(
  file: FileHandle,
  flavour: LogFlavour,
): Promise<{ last: string; begin: string; isTorn: boolean }> {
  const head = await readLogFileHead(file, flavour);
  if (head === null) return { last: '', begin: '', isTorn: true };
  const survey = new GroupSurvey(flavour, { begin: head.begin, after: ORIGIN });
  const end = await walkLogFile(file, { from: head.end, to: Number.POSITIVE_INFINITY }, survey);
  const { size } = await file.stat();
  return { last: survey.last, begin: head.beginGtid, isTorn: end < size || survey.isOpen };
}

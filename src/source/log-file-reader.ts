import { type FileHandle, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { LogFlavour } from '../flavour/flavour.js';
import { isSkeinError, SkeinError } from '../model/error.js';
import { readFileIfThere } from '../std/files.js';
import type { GroupSpan } from './group-survey.js';
import { LogFileEvents, type LogFileSink } from './log-file-events.js';
import { type LogFileHead, readLogFileHead } from './log-file-head.js';

/** Reads the files of a binary log from a server's data directory. */

const INDEX = 'bin.index';
const READ_BYTES = 1024 * 1024;

/** The files that the index of the log names, the oldest first. A line that the server had not finished names none. */
export async function logFileNames(dataDir: string): Promise<string[]> {
  const index = (await readFileIfThere(join(dataDir, INDEX))) ?? '';
  const names = index
    .slice(0, index.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => basename(line));
  if (names.length > 0) return names;
  throw new SkeinError('LOG_UNREADABLE', `${join(dataDir, INDEX)} names no file of a binary log.`);
}

/**
 * Opens a file of the log for `work`. An error of `work` names the file.
 * @throws whatever `work` throws, or a system error
 */
export async function inLogFile<T>(
  dataDir: string,
  name: string,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await open(join(dataDir, name), 'r');
  try {
    return await work(file);
  } catch (error) {
    if (!isSkeinError(error)) throw error;
    const data = { ...error.data, file: name };
    throw new SkeinError(error.code, `${name}: ${error.message}`, { cause: error, data });
  } finally {
    await file.close();
  }
}

/** Null: the head does not tell. */
export async function headOf(
  dataDir: string,
  name: string,
  flavour: LogFlavour,
): Promise<LogFileHead | null> {
  return inLogFile(dataDir, name, (file) => readLogFileHead(file, flavour)).catch((error: unknown) => {
    if (isSkeinError(error)) return null;
    throw error;
  });
}

/**
 * Gives the events of a part of the file to the sink. Returns the offset behind the last whole event.
 * @throws SkeinError LOG_DAMAGED, whatever the sink throws, or a system error
 */
export async function walkLogFile(
  file: FileHandle,
  { from, to }: GroupSpan,
  sink: LogFileSink,
  options: { signal?: AbortSignal | undefined; chunkRead?: () => Promise<void> } = {},
): Promise<number> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const events = new LogFileEvents(from, sink);
  while (events.offset < to) {
    options.signal?.throwIfAborted();
    const wanted = Math.min(READ_BYTES, to - events.offset);
    const { bytesRead } = await file.read(buffer, 0, wanted, events.offset);
    if (events.take(buffer.subarray(0, bytesRead)) === 0) break;
    await options.chunkRead?.();
  }
  return events.wholeEnd;
}

import type { FileHandle } from 'node:fs/promises';
import type { LogFlavour } from '../flavour/flavour.js';
import { SkeinError } from '../model/error.js';
import { EVENT, EVENT_HEADER_SIZE, formatHasChecksum, HEADER_AT } from '../mysql-protocol/events.js';
import { encrypted } from './group-survey.js';
import { checkEvent, eventSize } from './log-file-events.js';

export interface LogFileHead {
  /** The FORMAT_DESCRIPTION event of the file. */
  readonly format: Buffer;
  /** The last group before this file; 0 and '' = none. */
  readonly begin: number;
  readonly beginGtid: string;
  /** Offset behind the head. */
  readonly end: number;
}

const MAGIC = Buffer.from('\xfebin', 'latin1');
/** The list has an entry of 16 bytes for each epoch. A size beyond this is a damaged one. */
const HEAD_EVENT_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Reads the head of a binary log file. Null: the server died before it had written the head, so the file has no groups.
 * @throws SkeinError LOG_DAMAGED, LOG_ENCRYPTED, NO_BINLOG_CHECKSUM, or a system error
 */
export async function readLogFileHead(file: FileHandle, flavour: LogFlavour): Promise<LogFileHead | null> {
  const magic = await bytesAt(file, 0, MAGIC.length);
  if (magic === null) return null;
  if (!magic.equals(MAGIC)) throw unexpected('it does not begin as a binary log does');
  const format = await eventAt(file, MAGIC.length);
  if (format === null) return null;
  if (format[HEADER_AT.type] !== EVENT.formatDescription) throw unexpected('it has no format description');
  if (!formatHasChecksum(format)) {
    throw new SkeinError('NO_BINLOG_CHECKSUM', 'The server wrote its binary log without checksums.');
  }
  const listAt = MAGIC.length + format.length;
  const list = await eventAt(file, listAt);
  if (list === null) return null;
  if (flavour.isEncryption(list[HEADER_AT.type] ?? 0)) throw encrypted();
  const last = flavour.logFileBegin(list);
  if (last === null) throw unexpected('it does not tell which transactions came before it');
  return {
    format,
    begin: flavour.countOf(last),
    beginGtid: last,
    end: listAt + list.length,
  };
}

/** Null: the file ends before the event does. */
async function eventAt(file: FileHandle, at: number): Promise<Buffer | null> {
  const header = await bytesAt(file, at, EVENT_HEADER_SIZE);
  if (header === null) return null;
  const size = eventSize(header, at);
  if (size > HEAD_EVENT_BYTES_MAX) throw unexpected(`the event at byte ${at} has ${size} bytes`);
  const event = await bytesAt(file, at, size);
  if (event !== null) checkEvent(event, at);
  return event;
}

async function bytesAt(file: FileHandle, at: number, size: number): Promise<Buffer | null> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, at);
  return bytesRead < size ? null : buffer;
}

function unexpected(why: string): SkeinError {
  return new SkeinError('LOG_DAMAGED', `The head of the file is damaged: ${why}.`);
}

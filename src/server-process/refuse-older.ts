import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SkeinError } from '../model/error.js';
import { parseRelease, type Release, releaseOf } from '../model/server-version.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import { readFileIfThere } from '../std/files.js';

/** A log file begins with 4 bytes, and an event whose body has 2 bytes, then the version of the server, padded with zeros. */
const VERSION_AT = 4 + 19 + 2;
const VERSION_SIZE = 50;

/**
 * A server of an older series does not understand the files of a newer one. It may notice that halfway through its start,
 * and may have written to them by then. No server may be running on the directory.
 * @throws SkeinError SERVER_TOO_OLD
 */
export async function refuseOlder(dataDir: string, binary: ServerBinary): Promise<void> {
  const before = await lastVersion(dataDir);
  const [written, own] = [parseRelease(before ?? ''), parseRelease(binary.version)];
  if (before === null || written === null || own === null || !isOlderSeries(own, written)) return;
  throw new SkeinError(
    'SERVER_TOO_OLD',
    `The data in ${dataDir} is that of a server ${releaseOf(before)}, and the server to start is older: ${releaseOf(binary.version)} (${binary.command}). Name one of ${written.major}.${written.minor} or newer: "server" in node.json, or SKEIN_SERVER.`,
    { data: { before, version: binary.version } },
  );
}

function isOlderSeries(own: Release, other: Release): boolean {
  return own.major < other.major || (own.major === other.major && own.minor < other.minor);
}

/** Of the server that ran last on the directory: each start begins a log file with it. Null when none ran, or it is not known. */
async function lastVersion(dataDir: string): Promise<string | null> {
  const index = await readFileIfThere(join(dataDir, 'bin.index'));
  const last = index?.trim().split('\n').at(-1);
  if (!last) return null;
  const file = await open(join(dataDir, basename(last)), 'r').catch(() => null);
  if (file === null) return null;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(VERSION_SIZE), 0, VERSION_SIZE, VERSION_AT);
    return bytesRead === VERSION_SIZE ? buffer.toString('latin1').replace(/\0.*$/s, '') : null;
  } finally {
    await file.close();
  }
}

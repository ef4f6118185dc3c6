import { open, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD_HEADER_SIZE, RECORD_KIND, readRecordHeader, recordFault } from '../../src/wire/record.js';
import { notesIn } from './clients.js';
import { unlessGone } from './unless-gone.js';

/**
 * The rows of the ledger that lie in a spool's segments, read without the product's own recovery: the sound records of
 * every segment from its beginning up to the first that is not. `client/seq` of each. The node may be running: a segment
 * that it purges meanwhile is applied, so its rows are in the replica's table.
 */
export async function ledgerInSpool(directory: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of await segments(directory)) {
    const bytes = await unlessGone(readWhole(join(directory, name)));
    if (bytes === null) continue;
    for (let offset = 0; offset + RECORD_HEADER_SIZE <= bytes.length; ) {
      if (recordFault(bytes, offset) !== null) break;
      const header = readRecordHeader(bytes, offset);
      if (header.kind === RECORD_KIND.group) {
        for (const row of notesIn(bytes.subarray(offset + header.payloadOffset, offset + header.size)))
          found.add(row);
      }
      offset += header.size;
    }
  }
  return found;
}

/** Takes the last groups of a spool away, with what was written behind them. Its node must not be running. */
export async function cutLastGroups(directory: string, count: number): Promise<void> {
  const last = (await segments(directory)).at(-1) ?? '';
  const bytes = await readWhole(join(directory, last));
  const groups: number[] = [];
  for (let offset = 0; offset + RECORD_HEADER_SIZE <= bytes.length && recordFault(bytes, offset) === null; ) {
    const { kind, size } = readRecordHeader(bytes, offset);
    if (kind === RECORD_KIND.group) groups.push(offset);
    offset += size;
  }
  const from = groups.at(-count);
  if (from === undefined) throw new Error(`${last} has only ${groups.length} groups`);
  await truncate(join(directory, last), from);
}

/** Whether these bytes are in one of a spool's segments. The node may be running. */
export async function isInSpool(directory: string, bytes: string): Promise<boolean> {
  for (const name of await segments(directory)) {
    if ((await unlessGone(readWhole(join(directory, name))))?.includes(bytes)) return true;
  }
  return false;
}

/** The ordinal with which the spool begins. */
export async function firstInSpool(directory: string): Promise<number> {
  const [first] = await segments(directory);
  return first === undefined ? 0 : Number.parseInt(first, 10);
}

/** Names, oldest first. A running node writes other files into the directory, and renames them at any moment. */
async function segments(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.seg')).sort();
}

async function readWhole(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(size);
    await file.read(bytes, 0, size, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

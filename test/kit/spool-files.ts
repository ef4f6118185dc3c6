import { open, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD_HEADER_SIZE, RECORD_KIND, readRecordHeader, recordFault } from '../../src/wire/record.js';
import { notesIn } from './clients.js';

/**
 * The rows of the ledger that lie in a spool's files, read without the product's own recovery: the sound records of
 * every file from its beginning up to the first that is not. `client/seq` of each.
 */
export async function ledgerInSpool(directory: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of (await readdir(directory)).sort()) {
    const bytes = await readWhole(join(directory, name));
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
  const last =
    (await readdir(directory))
      .filter((name) => name.endsWith('.seg'))
      .sort()
      .at(-1) ?? '';
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

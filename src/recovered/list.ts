/** What was kept of data that was replaced, in the directory of its node. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { syncTree } from '../std/files.js';
import { readStateFile } from '../std/state-file.js';

const Schema = Type.Object({
  /** ISO time. */
  at: Type.String(),
  node: Type.String(),
  /** Why the data was replaced. */
  reason: Type.String(),
  /** Null = the log could not be read, and its files are there. */
  transactions: Type.Union([Type.Integer(), Type.Null()]),
  /** GTIDs. */
  first: Type.String(),
  last: Type.String(),
  unreadable: Type.Union([Type.String(), Type.Null()]),
  /** What was kept is the node's own log, as it was. */
  isSpool: Type.Optional(Type.Boolean()),
});
export type RecoveredAbout = Static<typeof Schema>;

export interface RecoveredEntry extends RecoveredAbout {
  readonly name: string;
}

export const recoveredDirectory = (nodeDirectory: string): string => join(nodeDirectory, 'recovered');

/** The transactions and their rows. */
export const TRANSACTIONS_FILE = 'transactions.sql';

/** Directory of a kept log, in that of its entry. */
export const KEPT_SPOOL = 'spool';

export const recoveredFile = (nodeDirectory: string, name: string): string =>
  join(recoveredDirectory(nodeDirectory), name, TRANSACTIONS_FILE);

/** Oldest first; what is not complete is left out. */
export async function listRecovered(nodeDirectory: string): Promise<RecoveredEntry[]> {
  const directory = recoveredDirectory(nodeDirectory);
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[];
    throw error;
  });
  const entries: RecoveredEntry[] = [];
  for (const name of names.sort()) {
    const about = await readStateFile(join(directory, name, 'about.json'), Schema);
    if (about.kind === 'found') entries.push({ name, ...about.value });
  }
  return entries;
}

/** A new entry. It is listed only when it is finished. */
export async function beginRecovered(nodeDirectory: string): Promise<{ place: string; name: string }> {
  const name = new Date().toISOString().replace(/[:.]/g, '-');
  const place = join(recoveredDirectory(nodeDirectory), name);
  await mkdir(place, { recursive: true, mode: 0o700 });
  return { place, name };
}

export async function finishRecovered(place: string, about: RecoveredAbout): Promise<void> {
  await writeFile(join(place, 'about.json'), `${JSON.stringify(about, null, 2)}\n`, { mode: 0o600 });
  await syncTree(place);
}

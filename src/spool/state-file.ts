import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { readRange, type Storage } from './storage.js';

/**
 * The spool's small state beside its segments. `incarnation` is made once and never changes. The three ordinals are
 * facts that were true when the file was written; the recovery compares the segments with them: a spool that ends before
 * `durable` or begins after `purgedBelow` has lost records.
 */
export interface SpoolState {
  readonly incarnation: string;
  readonly committed: number;
  /** This group was fsynced (and not cut since). */
  readonly durable: number;
  /** Segments with groups below this ordinal only may be missing. */
  readonly purgedBelow: number;
}

export const STATE_NAME = 'state.json';
export const STATE_TEMPORARY_NAME = 'state.json.new';
const STATE_BYTES_MAX = 4096;

export type StateRead = { kind: 'found'; state: SpoolState } | { kind: 'missing' } | { kind: 'unreadable' };

export async function readState(storage: Storage, directory: string): Promise<StateRead> {
  let text: string;
  try {
    const file = await storage.open(join(directory, STATE_NAME), 'read');
    try {
      text = (await readRange(file, 0, STATE_BYTES_MAX)).toString();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'missing' };
    throw error;
  }
  const state = decodeState(text);
  return state ? { kind: 'found', state } : { kind: 'unreadable' };
}

/**
 * Old or new, never a mixture: written aside, synced, renamed. The rename itself becomes durable with the directory,
 * which the caller syncs where it must not be forgotten.
 */
export async function writeState(storage: Storage, directory: string, state: SpoolState): Promise<void> {
  const temporary = join(directory, STATE_TEMPORARY_NAME);
  await unlinkIfThere(storage, temporary);
  const file = await storage.open(temporary, 'create');
  try {
    await file.write([Buffer.from(encodeState(state))], 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await storage.rename(temporary, join(directory, STATE_NAME));
}

export async function unlinkIfThere(storage: Storage, path: string): Promise<void> {
  try {
    await storage.unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function encodeState(state: SpoolState): string {
  const { incarnation, committed, durable, purgedBelow } = state;
  const body = { incarnation, committed, durable, purgedBelow };
  return `${JSON.stringify({ ...body, check: crc32(JSON.stringify(body)) })}\n`;
}

function decodeState(text: string): SpoolState | null {
  try {
    const { incarnation, committed, durable, purgedBelow, check } = JSON.parse(text) as Record<
      string,
      unknown
    >;
    if (typeof incarnation !== 'string' || !/^[0-9a-f]{32}$/.test(incarnation)) return null;
    if (!isOrdinal(committed) || !isOrdinal(durable) || !isOrdinal(purgedBelow)) return null;
    const state = { incarnation, committed, durable, purgedBelow };
    return crc32(JSON.stringify(state)) === check ? state : null;
  } catch {
    return null;
  }
}

function isOrdinal(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

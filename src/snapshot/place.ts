/**
 * Puts a received snapshot in the place of a server's data. One durable note tells how far it is, so that a crash at any
 * point leaves the old data or the new, and the next start goes on.
 *
 *   (nothing, or half received) --finish()--> ready --placeSnapshot()--> placing --> placed --settlePlaced()--> (nothing)
 *                      ^                        |                                     |
 *                      |---discardSnapshot()----'                                     |
 *                      `--------------------------- returning <---discardSnapshot()---'
 *
 * A half received snapshot is removed at a start. The old data is removed only when a server has run on the new data and has
 * its position (rule E3).
 */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, replaceFile, sweepTemporary, syncPath } from '../std/files.js';
import type { Logger } from '../std/logger.js';
import { type SeedNote, SeedNoteFile } from './seed-note.js';
import { type SeedPaths, seedPaths, takingPath } from './seed-paths.js';
import { snapshotError } from './snapshot-error.js';

/** Of the server whose data is replaced: see ServerPaths.unsettled. */
const UNSETTLED = 'unsettled';

/**
 * Called at every start of a node, before its server is started. No server may be running.
 * @returns what is there; null = no snapshot
 * @throws SkeinError SEED_NOTE_UNREADABLE
 */
export async function recoverPlacing(
  nodeDirectory: string,
  { logger }: { logger: Logger },
): Promise<SeedNote | null> {
  const paths = seedPaths(nodeDirectory);
  const file = new SeedNoteFile(paths);
  await sweepTemporary(takingPath(paths.directory));
  const note = await file.read();
  if (note === null) {
    if (await exists(paths.seed)) logger.info({ path: paths.seed }, 'a half received snapshot is removed');
    await rm(paths.seed, { recursive: true, force: true });
    // A person may have removed what was in its place.
    if (!(await exists(paths.live)) && (await exists(paths.replaced))) {
      logger.warn({ path: paths.replaced }, 'there is no data: the old data is put back');
      await rename(paths.replaced, paths.live);
      await syncPath(paths.directory);
    }
    await rm(paths.replaced, { recursive: true, force: true });
    return null;
  }
  if (note.step === 'returning') {
    logger.info({ gtid: note.gtid }, 'the old data was being put back when the node ended');
    await putBack(paths, file);
    return null;
  }
  if (note.step !== 'placing') return note;
  logger.info({ gtid: note.gtid }, 'a snapshot was being put in its place when the node ended');
  return await swap(paths, file, note);
}

/**
 * ready or placing -> placed. The server must be down, and stay down until this resolves.
 * @throws SkeinError SNAPSHOT_PLACE
 */
export async function placeSnapshot(
  nodeDirectory: string,
  { logger }: { logger: Logger },
): Promise<SeedNote> {
  const paths = seedPaths(nodeDirectory);
  const file = new SeedNoteFile(paths);
  const note = await file.read();
  if (note?.step !== 'ready' && note?.step !== 'placing') {
    throw snapshotError('SNAPSHOT_PLACE', `There is no snapshot in ${paths.seed} that is ready.`, {
      phase: 'place',
    });
  }
  // It may have failed half-way before.
  if (note.step === 'ready') {
    await rm(paths.replaced, { recursive: true, force: true });
    await file.write({ ...note, step: 'placing' });
  }
  const placed = await swap(paths, file, note);
  logger.info({ gtid: note.gtid }, 'a snapshot is in the place of the data');
  return placed;
}

/**
 * Removes a received snapshot: a newer epoch begins before its position (rule H8), or no server starts on it. When it is in its
 * place, or on the way there, the old data takes its place again: the spool continues where that data ends. Without old data
 * there is no data afterwards. No server may be running on a snapshot that is in its place.
 * @returns whether the old data was put back
 */
export async function discardSnapshot(
  nodeDirectory: string,
  { logger }: { logger: Logger },
): Promise<boolean> {
  const paths = seedPaths(nodeDirectory);
  const file = new SeedNoteFile(paths);
  const note = await file.read();
  if (note === null || note.step === 'ready') {
    await rm(paths.seed, { recursive: true, force: true });
    return false;
  }
  await file.write({ ...note, step: 'returning' });
  await putBack(paths, file);
  logger.warn({ gtid: note.gtid }, 'a snapshot was of no use; the old data is in its place again');
  return true;
}

/**
 * placed -> nothing: the position of the server that runs on the new data, closed and without a role, is set (rule H8). Then
 * the old data is removed. Without a placed snapshot nothing is done.
 * @returns whether there was one
 * @throws SkeinError POSITION_NOT_SET
 */
export async function settlePlaced(
  nodeDirectory: string,
  control: { beginAt(gtid: string): Promise<void> },
  { logger }: { logger: Logger },
): Promise<SeedNote | null> {
  const paths = seedPaths(nodeDirectory);
  const file = new SeedNoteFile(paths);
  const note = await file.read();
  if (note?.step !== 'placed') return null;
  await control.beginAt(note.gtid);
  await file.remove();
  await rm(paths.seed, { recursive: true, force: true });
  await rm(paths.replaced, { recursive: true, force: true });
  logger.info({ gtid: note.gtid }, 'the server stands at the position of its snapshot');
  return note;
}

/** Two renames; the note says `placing` on the disk. May be begun again at any point. */
async function swap(paths: SeedPaths, file: SeedNoteFile, note: SeedNote): Promise<SeedNote> {
  if (await exists(paths.data)) {
    if (await exists(paths.live)) await rename(paths.live, paths.replaced);
    await rename(paths.data, paths.live);
  }
  // The note about a crash of the old server does not concern the new data. It is removed before the directory is synced, so
  // that it is not back after a power cut in the state `placed`.
  await rm(join(paths.directory, UNSETTLED), { force: true });
  await syncPath(paths.seed);
  await syncPath(paths.directory);
  const placed: SeedNote = { ...note, step: 'placed' };
  await file.write(placed);
  return placed;
}

/** The swap backwards; the note says `returning` on the disk. May be begun again at any point. */
async function putBack(paths: SeedPaths, file: SeedNoteFile): Promise<void> {
  if (!(await exists(paths.data))) await rename(paths.live, paths.data);
  if (await exists(paths.replaced)) {
    await rename(paths.replaced, paths.live);
    // Its server was killed, and what was noted of an earlier crash went with the swap.
    await replaceFile(join(paths.directory, UNSETTLED), '');
  }
  await syncPath(paths.seed);
  await syncPath(paths.directory);
  await file.remove();
  await rm(paths.seed, { recursive: true, force: true });
}

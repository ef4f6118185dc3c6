import type { HeldDdl } from '../../endpoint/endpoint.js';
import type { Flavour } from '../../flavour/flavour.js';
import { sleep } from '../../std/timing.js';
import type { LocalControl } from '../local-server.js';
import type { DdlNoteFile } from './ddl-note.js';

/** While DDL is held, each wait for the server takes at most this long, so that the end of the server is noticed. */
const HELD_WAIT_MS = 1_000;
const HELD_PAUSE_MS = 20;

/**
 * Waits before DDL is sent to a replica's server. A parallel worker begins DDL as soon as the previous transaction has begun to
 * commit. If the server crashes then, it finishes the DDL at its start, but its log does not have the previous transaction. So
 * the node first waits until that is applied. After a crash during some other DDL, the log has no entry although the DDL was
 * executed, or has an entry although it was not. Such DDL is noted.
 */
export async function beforeDdl(
  { control, ddlNote, flavour }: { control: LocalControl; ddlNote: DdlNoteFile; flavour: Flavour },
  { ordinal, statement }: HeldDdl,
  signal: AbortSignal,
): Promise<void> {
  while (!(await control.waitApplied(ordinal - 1, HELD_WAIT_MS)))
    // With too many waiting sessions, the server answers at once.
    await sleep(HELD_PAUSE_MS, signal);
  const doubt = flavour.sql.doubtOfDdl(statement);
  if (doubt === null) return;
  const partitions = doubt === 'unlogged' ? await control.partitionIds() : null;
  await ddlNote.save({ ordinal, partitions });
}

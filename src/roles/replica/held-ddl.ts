import type { HeldDdl } from '../../endpoint/endpoint.js';
import { doubtOfDdl } from '../../mysql-control/ddl-traces.js';
import { sleep } from '../../std/timing.js';
import type { LocalControl } from '../local-server.js';
import type { DdlNoteFile } from './ddl-note.js';

/** Whether the server is still there is looked at so often while a DDL is held. */
const HELD_WAIT_MS = 1_000;
const HELD_PAUSE_MS = 20;

/**
 * A parallel worker begins DDL as soon as what comes before it has begun to commit. A server that dies then finishes the
 * DDL at its start, and its log does not hold what comes before: so that is waited for. Some DDL also leaves no word in
 * the log, or nothing but that, when the server dies: it is noted, with traces that nobody else changes meanwhile.
 */
export async function beforeDdl(
  { control, ddlNote }: { control: LocalControl; ddlNote: DdlNoteFile },
  { ordinal, previousGtid, statement }: HeldDdl,
  signal: AbortSignal,
): Promise<void> {
  while (previousGtid !== '' && !(await control.waitApplied(previousGtid, HELD_WAIT_MS)))
    // It says no at once where too many wait.
    await sleep(HELD_PAUSE_MS, signal);
  const doubt = doubtOfDdl(statement);
  if (doubt !== null) await ddlNote.save({ ordinal, doubt, traces: await control.ddlTraces() });
}

import { SkeinError } from '../../../model/error.js';
import type { Position } from '../../../model/position.js';
import { sleep } from '../../../std/timing.js';
import type { DdlTrail } from '../../../verify/ddl-trail.js';
import { type ComparisonSql, positionOf, Snapshot } from '../../../verify/snapshot.js';
import type { SqlSession } from '../../../verify/sql-session.js';

/**
 * Opens a snapshot on the primary's server and finds its exact position, without a lock.
 *
 * The server opens a snapshot between two commits of its group commit, and stores the place in its binary log with it. The
 * snapshot has exactly the rows of the log up to that place. DDL is visible before it is in the log. So a chunk is read under
 * the lock of its table's definition, and discarded if the log has DDL on the table after the position (SnapshotSet). The end of an
 * XA branch is in the log a moment before it is visible. So no such end may be under way.
 */
export interface AgreeModules {
  readonly trail: DdlTrail;
  readonly sql: ComparisonSql;
  positionAt(ordinal: number): Position;
  countOf(position: string): number;
  /** The ordinal of the group that ends at this place of the log; null = not read yet, or read long ago. */
  ordinalAtPlace(file: string, position: number): number | null;
  /** Ordinal up to which the log was read. */
  received(): number;
  readNow(): void;
}

/** Limit for finding a position. The replicas apply nothing during this time (UNDECIDED_MAX_MS in verify-responder.ts). */
const AGREE_MAX_MS = 1_500;
/** Limit for the reader of the log, which is usually less than a millisecond behind the server. */
const LOOKUP_MAX_MS = 50;
/** Counts running statements that may end an XA branch. Queried only when a branch has ended lately. */
const XA_RUNNING = `SELECT COUNT(*) AS n FROM information_schema.processlist
  WHERE info REGEXP 'xa|execute|call' AND command <> 'Sleep' AND id <> CONNECTION_ID()`;

/** The position is at least `least`. @throws SkeinError VERIFY_NO_POSITION */
export async function agreeOnPosition(
  session: SqlSession,
  least: number,
  modules: AgreeModules,
): Promise<{ snapshot: Snapshot; position: Position }> {
  const giveUpAtMs = performance.now() + AGREE_MAX_MS;
  let why = '';
  while (performance.now() < giveUpAtMs) {
    const before = modules.trail.knowsXa ? await quietOfXa(session, modules) : 0;
    if (before === null) {
      why = 'XA branches are being ended all the time';
      await sleep(1);
      continue;
    }
    const snapshot = await Snapshot.open(session, modules.sql);
    const ordinal = await shownOrdinal(snapshot, modules);
    // A replica may execute a transaction that a quorum has before it is visible on the primary's own server.
    if (ordinal < least) why = `the primary's server does not show ${modules.positionAt(least).gtid} yet`;
    else if (before > 0 && modules.trail.endedXa(before)) why = 'an XA branch was just ended';
    else return { snapshot, position: modules.positionAt(ordinal) };
    await sleep(1);
  }
  throw new SkeinError('VERIFY_NO_POSITION', `No position was found within ${AGREE_MAX_MS} ms: ${why}.`);
}

/** The end of the log, if every XA branch that has ended in the log has also ended in the engine; else null. */
async function quietOfXa(session: SqlSession, { countOf, sql }: AgreeModules): Promise<number | null> {
  const logEnd = await positionOf(session, sql.positions.logged);
  const [running] = await session.queryRows(XA_RUNNING);
  return running?.n === '0' ? countOf(logEnd) : null;
}

async function shownOrdinal(snapshot: Snapshot, modules: AgreeModules): Promise<number> {
  const place = await snapshot.logPlace();
  modules.readNow();
  for (const giveUpAtMs = performance.now() + LOOKUP_MAX_MS; performance.now() < giveUpAtMs; await sleep(1)) {
    const ordinal = modules.ordinalAtPlace(place.file, place.position);
    if (ordinal !== null) return ordinal;
  }
  // Nothing was written since the log file was created or its reader started, so the server names the position.
  return modules.countOf(await snapshot.gtidAt(place));
}

/** Time for the reader of the log to reach the end of the server's log. */
const READ_MAX_MS = 1_000;

/** Resolves when all statements up to this one are in the trail. @throws SkeinError VERIFY_LOG_BEHIND */
export async function untilRead(gtid: string, modules: AgreeModules): Promise<void> {
  const ordinal = modules.countOf(gtid);
  modules.readNow();
  const giveUpAtMs = performance.now() + READ_MAX_MS;
  for (; modules.received() < ordinal; await sleep(1)) {
    if (performance.now() > giveUpAtMs)
      throw new SkeinError(
        'VERIFY_LOG_BEHIND',
        `The log was not read up to ${gtid} within ${READ_MAX_MS} ms.`,
      );
  }
}

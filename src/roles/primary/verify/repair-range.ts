import type { ReplicaSession } from '../../../link/listener-session.js';
import { isSkeinError, messageOf } from '../../../model/error.js';
import type { TableName } from '../../../model/verify.js';
import { sleep } from '../../../std/timing.js';
import type { KeyRange } from '../../../verify/key-range.js';
import { readRows } from '../../../verify/repair.js';
import { agreeOnPosition, untilRead } from './agree.js';
import { NAMED_ROWS } from './compare-table.js';
import { askPeer } from './peer.js';
import type { SnapshotSetModules } from './snapshot-set.js';

/** Attempts of a repair. An attempt fails when a hold takes too long, or when there is DDL on the table. */
const TRIES_MAX = 5;
/** Trying again does not help. */
const FINAL = ['VERIFY_GONE', 'VERIFY_INVALID_KEY', 'FRAME_TOO_LARGE'];
const PAUSE_MS = 200;

/**
 * Replaces a replica's rows of a range with the primary's. The replica's server executes nothing between the position at which
 * the rows were read and the end of the repair, so no change is lost and none is made twice. Returns null when the range was
 * repaired, or the reason why it was not.
 */
export async function repairRange(
  replica: ReplicaSession,
  table: TableName,
  range: KeyRange,
  modules: SnapshotSetModules,
): Promise<string | null> {
  let why = '';
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const outcome = await tryOnce(replica, table, range, modules);
    if (outcome === 'done') return null;
    if ('refused' in outcome) return outcome.refused;
    why = outcome.again;
    await sleep(PAUSE_MS);
  }
  return why;
}

async function tryOnce(
  replica: ReplicaSession,
  table: TableName,
  range: KeyRange,
  modules: SnapshotSetModules,
): Promise<'done' | { again: string } | { refused: string }> {
  const session = await modules.session();
  try {
    const { released } = await askPeer(replica, { kind: 'hold' }, 'held');
    const { snapshot, position } = await agreeOnPosition(session, released, modules);
    const found = await snapshot.chunk(table, range);
    if (found === null) return { refused: 'the table no longer exists' };
    const { shape, sums } = found;
    const rows = await readRows(session, table, shape, range, 20 * NAMED_ROWS);
    await untilRead(await snapshot.logEnd(), modules);
    if (modules.trail.touched(table, position.ordinal)) return { again: 'there was DDL on the table' };
    if (rows === null) return { refused: 'the range has too many rows, or too large ones' };
    const { refused } = await askPeer(
      replica,
      {
        kind: 'repair',
        place: { ordinal: position.ordinal, gtid: position.gtid },
        table: { ...table },
        range: { after: range.after && [...range.after], upTo: range.upTo && [...range.upTo] },
        digest: shape.digest,
        sums: { ...sums },
        rows,
      },
      'repaired',
    );
    return refused === null ? 'done' : { refused };
  } catch (error) {
    const isFinal = isSkeinError(error) && FINAL.includes(error.code);
    const reason = messageOf(error);
    return isFinal || /Duplicate entry|cannot be sent/.test(reason) ? { refused: reason } : { again: reason };
  } finally {
    session.destroy();
    void askPeer(replica, { kind: 'close' }, 'closed').catch(() => {});
  }
}

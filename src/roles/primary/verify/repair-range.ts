import type { ReplicaSession } from '../../../link/listener-session.js';
import { isSkeinError, messageOf } from '../../../model/error.js';
import type { TableName } from '../../../model/verify.js';
import { sleep } from '../../../std/timing.js';
import type { KeyRange } from '../../../verify/key-range.js';
import { readRows } from '../../../verify/repair.js';
import { agreeOnPosition } from './agree.js';
import { NAMED_ROWS } from './compare-table.js';
import { askPeer } from './peer.js';
import type { SnapshotSetModules } from './snapshot-set.js';

/** Attempts of a repair. An attempt fails when a hold takes too long, or when there is DDL on the table. */
const TRIES_MAX = 5;
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
    if (outcome !== 'again') return outcome === 'done' ? null : outcome.refused;
    why = 'there was DDL on the table, or its server did not reach the position in time';
    await sleep(PAUSE_MS);
  }
  return why;
}

async function tryOnce(
  replica: ReplicaSession,
  table: TableName,
  range: KeyRange,
  modules: SnapshotSetModules,
): Promise<'done' | 'again' | { refused: string }> {
  const session = await modules.session();
  try {
    const { released } = await askPeer(replica, { kind: 'hold' }, 'held');
    const { snapshot, position } = await agreeOnPosition(session, released, modules);
    const found = await snapshot.chunk(table, range);
    if (found === null) return { refused: 'the table no longer exists' };
    const { shape, sums } = found;
    const rows = await readRows(session, table, shape, range, 20 * NAMED_ROWS);
    const end = modules.ordinalOf(await snapshot.logEnd());
    while (modules.received() < end) await sleep(1);
    if (modules.trail.touched(table, position.ordinal)) return 'again';
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
    if (isSkeinError(error) && error.code === 'VERIFY_GONE') return { refused: error.message };
    if (/Duplicate entry/.test(messageOf(error))) return { refused: messageOf(error) };
    return 'again';
  } finally {
    session.destroy();
    void askPeer(replica, { kind: 'close' }, 'closed').catch(() => {});
  }
}

import type { ElectionDriver } from '../election/driver.js';
import type { ClusterStatus } from '../model/status.js';
import { Emitter } from '../std/emitter.js';
import { untilTrue } from '../std/until-true.js';

/** What this node's role knows, and that it may have changed. */
export interface ServedHost {
  readonly onChange: Emitter<void>;
  clusterStatus(): ClusterStatus;
}

/**
 * Waits until a primary of a later epoch than this one is open for clients, or until `isOver`. Resolves with false when that
 * takes longer than `maxMs`. Rejects with the signal's reason.
 */
export async function untilServed(
  { driver, host }: { driver: Pick<ElectionDriver, 'onChange'>; host: ServedHost },
  { before, maxMs, isOver }: { before: number; maxMs: number; isOver: () => boolean },
  signal: AbortSignal,
): Promise<boolean> {
  const changed = new Emitter<void>();
  const off = [host.onChange.on(() => changed.emit()), driver.onChange.on(() => changed.emit())];
  const late = AbortSignal.timeout(maxMs);
  try {
    const isDone = () => isOver() || isServed(host.clusterStatus(), before);
    await untilTrue(isDone, changed, AbortSignal.any([signal, late]));
    return true;
  } catch (error) {
    if (!late.aborted || signal.aborted) throw error;
    return false;
  } finally {
    for (const each of off) each();
  }
}

function isServed({ epoch, primary, members }: ClusterStatus, before: number): boolean {
  return epoch > before && members.some(({ name, state }) => name === primary && state === 'live');
}

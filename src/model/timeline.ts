/**
 * Timelines: each holds the epochs in which primaries were elected by votes. `skein promote --force` begins another one, because
 * its primary was elected by nobody. The epochs of a timeline are a range of numbers of their own. So whatever compares epochs
 * prefers the newer timeline, and nobody can be elected into one by nodes that lack its beginning. Pure.
 */

/** An election a minute uses these up in two years; what happens then, `campaignRefusal` says. */
export const TIMELINE_EPOCHS = 1_000_000;
/**
 * Nodes that are forced at the same time must not begin the same timeline: each has its own, by its place in the list. At least
 * MEMBERS_MAX.
 */
const TIMELINES_PER_FORCE = 10;
/** GTIDs of an epoch carry a server id, and the ids above are those of recoveries and of closed servers. */
const EPOCH_MAX = 1_990_000_000;

export function timelineOf(epoch: number): number {
  return Math.floor(Math.max(0, epoch) / TIMELINE_EPOCHS);
}

/** Whether this entry of a chain is the beginning of a forced timeline. */
export function isForcedBeginning({
  epoch,
  number,
}: {
  readonly epoch: number;
  readonly number: number;
}): boolean {
  return number === 0 && epoch > 0 && epoch % TIMELINE_EPOCHS === 0;
}

/**
 * The epoch that a node begins by force. `known`: the newest epoch that it has heard of; `place`: of the node in the list of
 * members by name, from 0. Null = there is no further one.
 */
export function forcedEpoch(known: number, place: number): number | null {
  const round = Math.floor(timelineOf(known) / TIMELINES_PER_FORCE) + 1;
  const epoch = (round * TIMELINES_PER_FORCE + place) * TIMELINE_EPOCHS;
  return epoch + TIMELINE_EPOCHS > EPOCH_MAX ? null : epoch;
}

/** Whether this is the last epoch of its timeline. */
export function isLastOfTimeline(epoch: number): boolean {
  return epoch % TIMELINE_EPOCHS === TIMELINE_EPOCHS - 1;
}

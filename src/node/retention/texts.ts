/** Texts about retention for people. Pure. */
import type { MemberRole } from '../../model/status.js';
import { bytesText } from '../../std/bytes-text.js';
import { durationText } from '../../std/duration-text.js';
import type { RetentionLimits, RetentionWarning } from './plan.js';

const HOUR_MS = 3_600_000;

export function warningText(warning: RetentionWarning, limits: RetentionLimits, node: string): string {
  const { member, limit, used, leftMs, isKnown } = warning;
  const setting =
    limit === 'bytes'
      ? `${bytesText(limits.bytes)} (retention.logBytes)`
      : `${Number((limits.ageMs / HOUR_MS).toFixed(2))} hours (retention.logHours)`;
  const left =
    leftMs === null
      ? 'The log does not grow at the moment.'
      : `At the current rate the limit is reached in ${durationText(leftMs)}.`;
  const used100 = Math.min(999, Math.round(used * 100));
  if (member === node)
    return `An XA transaction of ${node} has been open for long: its binary log has since used ${used100} % of ${setting}. Beyond this limit, the log cannot resolve the transaction after a crash. ${left}`;
  const what = isKnown
    ? `The changes that ${member} still needs are ${used100} % of the limit of ${setting} for the binary log of ${node}.`
    : `${member} has not connected since ${node} started, and the binary log is at ${used100} % of its limit of ${setting}.`;
  return `${what} Beyond the limit ${member} must be filled from another node. ${left}`;
}

export function droppedText(
  member: string,
  { node, because, isKnown }: { node: string; because: 'limit' | 'disk'; isKnown: boolean },
): string {
  const why = because === 'disk' ? 'the disk is short of space' : 'a limit is reached (setting "retention")';
  if (member === node)
    return `The binary log of ${node} was purged after the start of an XA transaction that is still open: ${why}. After a crash an operator may have to resolve the transaction.`;
  const must = isKnown ? 'must' : 'may have to';
  return `The binary log of ${node} was purged beyond the position of ${member}: ${why}. ${member} ${must} be filled from another node when it returns.`;
}

export function lostText(member: string, node: string): string {
  return `${member} needs changes that are no longer in the binary log of ${node}: it must be filled from another node.`;
}

export function diskText(
  disk: string,
  {
    freeBytes,
    wantedBytes,
    isFull,
    role,
    away,
  }: { freeBytes: number; wantedBytes: number; isFull: boolean; role: MemberRole; away: readonly string[] },
): string {
  const space = `The disk of ${disk} has ${bytesText(freeBytes)} free, ${bytesText(wantedBytes)} are wanted (retention.freeBytesMin).`;
  if (role === 'witness')
    return isFull
      ? `${space} This witness takes no more of the log until there is enough space: writes need all servers until then.`
      : `${space} This witness keeps what a member with a server may still need from it${away.length === 0 ? '' : ` (away: ${away.join(', ')})`}: bring back the one that is away, or remove it from the cluster.`;
  if (!isFull) return `${space} The node purges binary logs, first those that no member needs.`;
  return role === 'primary'
    ? `${space} Writes are refused until there is enough space. Reads go on.`
    : `${space} This replica takes no more changes until there is enough space. Reads go on.`;
}

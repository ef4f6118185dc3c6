/** What people are told of retention. Pure. */
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
      : `At the present rate that is in ${durationText(leftMs)}.`;
  const used100 = Math.min(999, Math.round(used * 100));
  if (member === node)
    return `An XA transaction of ${node} is open since ${used100} % of the ${setting} that its binary log may have. Beyond it, what a crash leaves of it cannot be settled from the log. ${left}`;
  const what = isKnown
    ? `What ${member} still needs is ${used100} % of the ${setting} that the binary log of ${node} may have.`
    : `${member} was not heard of since ${node} started, and the binary log is ${used100} % of the ${setting} that it may have.`;
  return `${what} Beyond it ${member} has to be filled anew. ${left}`;
}

export function droppedText(
  member: string,
  { node, because, isKnown }: { node: string; because: 'limit' | 'disk'; isKnown: boolean },
): string {
  const why = because === 'disk' ? 'the disk is short of room' : 'a limit is reached (setting "retention")';
  if (member === node)
    return `The binary log of ${node} was purged behind an XA transaction that is still open: ${why}. After a crash it may have to be settled by a person.`;
  const may = isKnown ? 'has to' : 'may have to';
  return `The binary log of ${node} was purged beyond what ${member} has: ${why}. ${member} ${may} be filled anew when it returns.`;
}

export function lostText(member: string, node: string): string {
  return `${member} needs what the binary log of ${node} does not hold any more: it has to be filled anew.`;
}

export function diskText(
  disk: string,
  {
    freeBytes,
    wantedBytes,
    isFull,
    role,
  }: { freeBytes: number; wantedBytes: number; isFull: boolean; role: string },
): string {
  const room = `The disk of ${disk} has ${bytesText(freeBytes)} free, ${bytesText(wantedBytes)} are wanted (retention.freeBytesMin).`;
  if (!isFull) return `${room} Binary logs are purged: first what no member needs.`;
  return role === 'primary'
    ? `${room} Writes are refused until there is room, reads go on.`
    : `${room} This replica takes no more changes until there is room, reads go on.`;
}

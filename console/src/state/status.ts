/** The whole cluster in a few words, from `GET /v1/cluster`. Pure. */
import type { ClusterStatus, Member } from '../../../client/src/index.js';
import { duration } from './text.js';

/** How good or bad something is; each has a colour and a shape. */
export type Tone = 'good' | 'warn' | 'bad' | 'idle';

const TONES: Readonly<Record<Member['state'], Tone>> = {
  live: 'good',
  joining: 'warn',
  late: 'warn',
  stopped: 'bad',
  stalled: 'bad',
  gone: 'bad',
};

export const toneOf = (state: Member['state']): Tone => TONES[state] ?? 'warn';

export const memberOf = (status: ClusterStatus, name: string | null): Member | null =>
  status.members.find((member) => member.name === name) ?? null;

export interface Verdict {
  readonly tone: Tone;
  readonly text: string;
}

export function verdictOf({ quorum, primary, members, warnings }: ClusterStatus): Verdict {
  if (quorum.attached < quorum.needed || primary === null) return { tone: 'bad', text: 'writes wait' };
  const ill = members.filter(
    ({ state, reason, server, witness }) => state !== 'live' || reason || !(server.up || witness),
  );
  if (ill.length > 0) return { tone: 'warn', text: `look at ${ill.map(({ name }) => name).join(', ')}` };
  if (warnings.length > 0) return { tone: 'warn', text: 'see the warnings' };
  return { tone: 'good', text: 'all is well' };
}

export interface Fact {
  readonly name: string;
  readonly value: string;
}

export function factsOf(status: ClusterStatus): Fact[] {
  const { needed, attached } = status.quorum;
  const voters = status.members.filter(({ voter }) => voter).length;
  return [
    { name: 'Primary', value: status.primary ?? 'none' },
    { name: 'Epoch', value: String(status.epoch) },
    { name: 'Quorum', value: `${attached} of ${voters} attached, ${needed} needed` },
    { name: 'Acknowledge', value: status.acknowledge },
  ];
}

/** Said aloud, because it stops writes; null = there is a quorum. */
export function quorumText({ quorum }: ClusterStatus): string | null {
  return quorum.attached < quorum.needed
    ? 'There is no quorum: writes wait until enough nodes are back. Reads go on.'
    : null;
}

/** A change of the list of members that is under way. */
export function changeText({ change }: ClusterStatus): string | null {
  return change === null ? null : `Members: ${change.kind} ${change.member}. ${change.waitsFor}`;
}

export interface Outlook {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
  /** Whole sentences of the node. */
  readonly against: readonly string[];
  readonly last: { readonly text: string; readonly reason: string; readonly at: string } | null;
}

/** What would happen if the primary were lost now; null = the node does not tell. */
export function outlookOf({ primary, failover }: ClusterStatus): Outlook | null {
  if (!failover) return null;
  const { elected, afterDeathMs, afterSilenceMs, against, last } = failover;
  const text =
    elected === null
      ? 'Nobody can be elected.'
      : primary === null
        ? `${elected} would be elected.`
        : `${elected} would take over: in about ${duration(afterDeathMs)} when the process of ${primary} ends, ${duration(afterSilenceMs)} when it only falls silent.`;
  return {
    tone: elected === null ? 'bad' : primary === null ? 'warn' : 'good',
    title: primary === null ? 'There is no primary' : 'If the primary died now',
    text,
    against,
    last: last && { text: lastText(last), reason: last.reason, at: last.servedAt },
  };
}

function lastText(last: NonNullable<NonNullable<ClusterStatus['failover']>['last']>): string {
  const other = last.primaryBefore !== null && last.primaryBefore !== last.primary;
  const before = other ? ` from ${last.primaryBefore}` : '';
  const pause = last.pauseMs === null ? '' : `; clients waited ${duration(last.pauseMs)}`;
  return `${last.primary} ${other ? 'took over' : 'took the lead'}${before}, epoch ${last.epoch}${pause}`;
}

import { listInForce, newestEntry } from '../model/chain.js';
import type { LogPosition, Refusal } from '../model/election-messages.js';
import { isWitnessNamed, votersOf } from '../model/members.js';
import { durationText } from '../std/duration-text.js';
import { listsReached, positionOf, positionText } from './log-position.js';
import type { Candidate, ElectionEffect, ElectionEvent, ElectionState, Leader } from './state.js';

/** The report of a change of the primary, made by the new one from what its election saw and did. Pure. */

/**
 * `link closed`: the primary closed its link and refused a new one, so its process was dead. `silence`: nothing was heard
 * of it for an election time-out. `transfer`: it handed over. `own server`: this node was the primary, and begins another
 * epoch because its server has to be started again. `lost contact`: this node was the primary, and lost that. `start`: no
 * primary was heard since this node's start. `forced`: an operator began the epoch by `skein promote --force`.
 */
export type Detection =
  | 'link closed'
  | 'silence'
  | 'transfer'
  | 'own server'
  | 'lost contact'
  | 'start'
  | 'forced';

export interface VoteReport {
  readonly node: string;
  /** Null = no answer until the end of the report. */
  readonly answer: 'yes' | Refusal | null;
  /** Where its log ended when it was last heard; null = not heard. */
  readonly position: LogPosition | null;
}

/** Times that end with `AtMs` are Unix times. */
export interface FailoverReport {
  readonly epoch: number;
  /** Name of this node. */
  readonly primary: string;
  readonly primaryBefore: string | null;
  readonly detectedHow: Detection;
  readonly detectedAtMs: number;
  /** Campaigns of this node until it was elected, the successful one included. */
  readonly campaigns: number;
  readonly votes: readonly VoteReport[];
  /** End of the new primary's log when it was elected. */
  readonly position: LogPosition;
  readonly electedAtMs: number;
  /** The beginning of the epoch was on a majority. */
  readonly leadAtMs: number;
  /** The server was open for clients. */
  readonly servedAtMs: number;
  /**
   * From the last sign of the primary before until clients were served; null = none was heard. After a transfer: from the
   * moment at which the primary before had drained and gave way.
   */
  readonly pauseMs: number | null;
}

/** What is known so far. Times are monotonic. */
export interface FailoverRecord {
  /** Last sign of a primary that serves: its last heartbeat, or when this node as the primary was suspended. */
  readonly heardAtMs: number | null;
  readonly lost: {
    readonly how: Detection;
    readonly primary: string | null;
    readonly lastSignMs: number | null;
    readonly detectedAtMs: number;
  } | null;
  readonly elected: {
    readonly epoch: number;
    readonly campaign: string;
    readonly campaigns: number;
    readonly position: LogPosition;
    readonly votes: readonly VoteReport[];
    readonly electedAtMs: number;
    readonly leadAtMs: number | null;
  } | null;
}

export const NO_FAILOVER: FailoverRecord = { heardAtMs: null, lost: null, elected: null };

/** One step of the election: its event (null = the start), the states around it, and what it wants. */
export interface FailoverStep {
  readonly node: string;
  readonly event: ElectionEvent | null;
  /** Null before the start. */
  readonly before: ElectionState | null;
  readonly after: ElectionState;
  readonly effects: readonly ElectionEffect[];
  readonly nowMs: number;
}

export function noteStep(record: FailoverRecord, step: FailoverStep): FailoverRecord {
  const { role } = step.after;
  if (role.kind === 'follower' && role.leader !== null) {
    const { name, heardAtMs } = role.leader;
    const isWitness = isWitnessNamed(listInForce(step.after.chain), name);
    return isWitness ? followsWitness(record, step) : follows(record, step, heardAtMs);
  }
  const isForced = step.event?.kind === 'force' && role.kind === 'candidate';
  const lost = (isForced ? null : record.lost) ?? lossIn(record, step);
  const noted = lost === record.lost ? record : { ...record, lost };
  if (role.kind === 'leader') return leads(noted, step, role);
  return noted.elected === null ? noted : { ...noted, elected: null };
}

/** A primary is heard: nothing is to be reported. */
function follows(
  record: FailoverRecord,
  { event, after, nowMs }: FailoverStep,
  heardAtMs: number | null,
): FailoverRecord {
  if (heardAtMs !== null) return heardAtMs === record.heardAtMs ? record : { ...NO_FAILOVER, heardAtMs };
  if (event?.kind !== 'linkClosed' || !event.isRefused || record.lost !== null) return record;
  const primary = newestEntry(after.chain)?.primary ?? null;
  return {
    ...record,
    lost: { how: 'link closed', primary, lastSignMs: record.heardAtMs, detectedAtMs: nowMs },
  };
}

/** A witness serves nobody. It hands over to this node or to another one, which reports how the primary before was lost. */
function followsWitness(record: FailoverRecord, { before, after, nowMs }: FailoverStep): FailoverRecord {
  const { heardAtMs } = record;
  const how = heardAtMs === null ? 'start' : 'silence';
  const primary = newestEntry((before ?? after).chain)?.primary ?? null;
  const lost = record.lost ?? { how, primary, lastSignMs: heardAtMs, detectedAtMs: nowMs };
  return lost === record.lost && record.elected === null ? record : { ...record, lost, elected: null };
}

/** How the primary was lost, if it was in this step. */
function lossIn(
  record: FailoverRecord,
  { event, before, after, nowMs }: FailoverStep,
): FailoverRecord['lost'] {
  const { role } = after;
  if (role.kind === 'leader') return null;
  const primary = newestEntry(before?.chain ?? after.chain)?.primary ?? null;
  if (role.kind === 'candidate' && role.isForced)
    return { how: 'forced', primary, lastSignMs: record.heardAtMs, detectedAtMs: nowMs };
  if (before?.role.kind === 'leader') {
    const { transfer, isServing, idleSinceMs } = before.role;
    const how = role.kind === 'candidate' && transfer !== null ? 'own server' : 'lost contact';
    const lastSignMs = isServing ? (record.heardAtMs ?? nowMs) : idleSinceMs;
    return { how, primary, lastSignMs, detectedAtMs: nowMs };
  }
  if (role.kind === 'follower') return null;
  if (event?.kind === 'message' && event.message.kind === 'timeoutNow')
    return { how: 'transfer', primary, lastSignMs: nowMs, detectedAtMs: nowMs };
  const { heardAtMs } = record;
  return {
    how: heardAtMs === null ? 'start' : 'silence',
    primary,
    lastSignMs: heardAtMs,
    detectedAtMs: nowMs,
  };
}

function leads(record: FailoverRecord, step: FailoverStep, leader: Leader): FailoverRecord {
  const { before, effects, nowMs } = step;
  const isNew = before?.role.kind === 'candidate' && before.role.campaign === leader.campaign;
  let { elected, heardAtMs } = record;
  if (isNew) elected = electionIn(step, before.role);
  else if (elected !== null) elected = withLateVote(elected, voteIn(step, elected.campaign));
  for (const { kind } of effects) {
    if (kind === 'lead' && elected !== null) elected = { ...elected, leadAtMs: nowMs };
    else if (kind === 'suspend') heardAtMs = nowMs;
    else if (kind === 'resume') heardAtMs = null;
  }
  const isSame = elected === record.elected && heardAtMs === record.heardAtMs;
  return isSame ? record : { ...record, elected, heardAtMs };
}

function electionIn(step: FailoverStep, { epoch, campaign, answers }: Candidate): FailoverRecord['elected'] {
  const { before, after, nowMs, node } = step;
  const chain = before?.chain ?? after.chain;
  const ordinal = newestEntry(after.chain)?.beginsAfter.ordinal ?? 0;
  const position = positionOf(chain, ordinal);
  const last = voteIn(step, campaign);
  const names = new Set(listsReached(chain, ordinal).flatMap((list) => votersOf(list)));
  const votes = [...names].map((name): VoteReport => {
    if (name === node) return { node, answer: 'yes', position };
    if (name === last?.node) return last;
    const answer = answers.get(name);
    if (answer === undefined) return { node: name, answer: null, position: null };
    const view = after.peers.get(name);
    return { node: name, answer: answer.refusal ?? 'yes', position: view?.standing.position ?? null };
  });
  return { epoch, campaign, campaigns: after.tries, position, votes, electedAtMs: nowMs, leadAtMs: null };
}

/** The vote that this event brings. */
function voteIn({ event }: FailoverStep, campaign: string): VoteReport | null {
  if (event?.kind !== 'message' || event.message.kind !== 'voteResponse') return null;
  const { from, message } = event;
  if (message.campaign !== campaign) return null;
  return { node: from, answer: message.refusal ?? 'yes', position: message.standing.position };
}

type Elected = NonNullable<FailoverRecord['elected']>;

/** Those who answer after the majority are told of too. */
function withLateVote(elected: Elected, vote: VoteReport | null): Elected {
  const isLate =
    vote !== null && elected.votes.some(({ node, answer }) => node === vote.node && answer !== 'yes');
  if (!isLate) return elected;
  return { ...elected, votes: elected.votes.map((old) => (old.node === vote.node ? vote : old)) };
}

/** The server of this epoch is open for clients. Null = there is nothing to report, or it was reported. */
export function reportOf(
  { lost, elected }: FailoverRecord,
  served: { readonly node: string; readonly epoch: number; readonly nowMs: number; readonly unixMs: number },
): FailoverReport | null {
  if (lost === null || elected?.leadAtMs == null || elected.epoch !== served.epoch) return null;
  const unixAtMs = (ms: number) => Math.round(served.unixMs - (served.nowMs - ms));
  const { epoch, campaigns, votes, position, electedAtMs, leadAtMs } = elected;
  return {
    epoch,
    primary: served.node,
    primaryBefore: lost.primary,
    detectedHow: lost.how,
    detectedAtMs: unixAtMs(lost.detectedAtMs),
    campaigns,
    votes,
    position,
    electedAtMs: unixAtMs(electedAtMs),
    leadAtMs: unixAtMs(leadAtMs),
    servedAtMs: unixAtMs(served.nowMs),
    pauseMs: lost.lastSignMs === null ? null : Math.round(served.nowMs - lost.lastSignMs),
  };
}

const HOW: Readonly<Record<Detection, string>> = {
  'link closed': 'closed its links and refused new ones',
  silence: 'was not heard for an election time-out',
  transfer: 'handed over',
  'own server': 'had to start its server again',
  'lost contact': 'lost the lead',
  start: 'was not heard since the start of this node',
  forced: 'was replaced by force (skein promote --force), without the votes of a majority',
};

/** One line for people. */
export function reportText(report: FailoverReport): string {
  const { epoch, primary, primaryBefore, detectedHow, votes, position, pauseMs } = report;
  const voteText = votes.map(({ node, answer, position }) => {
    const end = position === null ? '' : ` (log ends at ${positionText(position)})`;
    return `${node} ${answer === null ? 'did not answer' : answer === 'yes' ? 'yes' : `no, ${answer}`}${end}`;
  });
  const pause = pauseMs === null ? '' : ` Clients waited for ${durationText(pauseMs)}.`;
  return `${primary} is the primary of epoch ${epoch}, after ordinal ${position.ordinal}. ${primaryBefore ?? 'The primary'} ${HOW[detectedHow]}. Votes: ${voteText.join('; ')}.${pause}`;
}

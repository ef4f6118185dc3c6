import { currentEpoch } from '../model/chain.js';
import type { ElectionMessage, Refusal, Standing } from '../model/election-messages.js';
import type { ListedMember } from '../model/members.js';
import { isLastOfTimeline, timelineOf } from '../model/timeline.js';
import { begin } from './promising.js';
import { knowsMore, stopAsking } from './removal.js';
import type { Answer, Candidate, PreCandidate } from './state.js';
import {
  become,
  chainOf,
  change,
  hurry,
  isVoter,
  leaveRole,
  otherVoters,
  ownLists,
  ownPosition,
  ownTimeline,
  restartTimeout,
  say,
  send,
  type Turn,
} from './turn.js';

/**
 * A node's own campaign: pre-votes first, so that a node that cannot win disturbs nobody and no epoch is used up; then its
 * promise to itself; then votes. Requests are repeated until they are answered.
 */

const NO_ANSWERS: ReadonlyMap<string, Answer> = new Map();

type PreVoteResponse = Extract<ElectionMessage, { kind: 'preVoteResponse' }>;
type VoteResponse = Extract<ElectionMessage, { kind: 'voteResponse' }>;

/** Why this node does not campaign, whatever the others do; null = it may. */
export function campaignRefusal(turn: Turn): string | null {
  const { state } = turn;
  if (state.fitness.abstains !== null) return state.fitness.abstains;
  if (state.chain.length === 0) return 'It has no list of members.';
  const chain = chainOf(turn);
  if (chain.length === 0) return 'Its log ends before the first entry of its history.';
  return timelineRefusal(turn) ?? (isVoter(turn, ownLists(turn)) ? null : 'It is not a voter.');
}

function timelineRefusal(turn: Turn): string | null {
  const { promise, seenEpoch } = turn.state;
  const { promisedEpoch } = promise;
  if (timelineOf(promisedEpoch) > ownTimeline(turn))
    return `It has promised epoch ${promisedEpoch}, which a node began by force (skein promote --force), and its log does not have the beginning of that.`;
  if (isLastOfTimeline(Math.max(promisedEpoch, seenEpoch)))
    return 'The numbers of epochs are used up. Only skein promote --force begins a new range of them.';
  return null;
}

/** The election time-out has passed, or the primary is known to be dead. */
export function campaign(turn: Turn): void {
  if (turn.state.task !== null) return;
  if (turn.state.role.kind !== 'follower') leaveRole(turn, 'it campaigns anew');
  restartTimeout(turn);
  if (campaignRefusal(turn) !== null) return;
  change(turn, { tries: turn.state.tries + 1 });
  const { promise, seenEpoch } = turn.state;
  const epoch = turn.rules.nextEpoch(promise.promisedEpoch, seenEpoch);
  // Nobody else counts: nobody is asked.
  if (isElected(turn, NO_ANSWERS)) {
    campaignFor(turn, epoch, false);
    return;
  }
  become(turn, { kind: 'preCandidate', epoch, answers: NO_ANSWERS, askedAtMs: turn.at.nowMs });
  if (turn.state.removedBy === null)
    say(turn, `It hears no primary, and asks whether it would be elected for epoch ${epoch}.`);
  ask(turn);
}

/** Asks for votes. `transfer`: the primary wants it, so nobody has to be asked before. */
export function campaignFor(turn: Turn, epoch: number, transfer: boolean, isForced = false): void {
  const { token, nowMs } = turn.at;
  become(turn, {
    kind: 'candidate',
    epoch,
    campaign: token,
    transfer,
    isForced,
    position: null,
    answers: NO_ANSWERS,
    askedAtMs: nowMs,
  });
  restartTimeout(turn);
  begin(turn, epoch, { kind: 'campaign' });
}

/** The candidate's promise to itself is on the disk. True = it is elected already. */
export function askForVotes(turn: Turn): boolean {
  const { role } = turn.state;
  if (role.kind !== 'candidate') return false;
  become(turn, { ...role, position: ownPosition(turn), askedAtMs: turn.at.nowMs });
  if (role.isForced || isElected(turn, role.answers)) return true;
  say(turn, `It asks for votes in epoch ${role.epoch}.`);
  ask(turn);
  return false;
}

function ask(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind === 'preCandidate') {
    for (const to of unanswered(turn, role))
      send(turn, to, { kind: 'preVote', epoch: role.epoch, position: ownPosition(turn) });
  } else if (role.kind === 'candidate' && role.position !== null) {
    const { epoch, campaign: name, position, transfer } = role;
    for (const to of unanswered(turn, role))
      send(turn, to, { kind: 'vote', epoch, campaign: name, position, transfer });
  }
}

/** Those who may still say yes: who hears the primary now may hear it no more in a moment. */
function unanswered(turn: Turn, { answers }: PreCandidate | Candidate): string[] {
  return otherVoters(turn, ownLists(turn)).filter((name) => isOpen(answers.get(name)));
}

function isOpen(answer: Answer | undefined): boolean {
  return answer === undefined || answer.refusal === 'hears the primary';
}

/** Time passes in a campaign. */
export function campaignTick(turn: Turn, role: PreCandidate | Candidate): void {
  const { nowMs } = turn.at;
  if (turn.state.task !== null) return;
  if (nowMs >= turn.state.electionAtMs) {
    campaign(turn);
    return;
  }
  if (nowMs - role.askedAtMs < turn.options.heartbeatIntervalMs) return;
  become(turn, { ...role, askedAtMs: nowMs });
  ask(turn);
}

/** True = it would be elected: it campaigns. */
export function takePreVoteResponse(turn: Turn, from: string, message: PreVoteResponse): void {
  const { role } = turn.state;
  if (role.kind !== 'preCandidate' || role.epoch !== message.epoch) return;
  if (message.refusal === 'no member') {
    if (knowsMore(turn, message.standing)) stopAsking(turn, from);
    return;
  }
  const answers = withAnswer(role.answers, from, message.refusal, message.standing);
  become(turn, { ...role, answers });
  if (isElected(turn, answers)) campaignFor(turn, role.epoch, false);
  else judge(turn, answers, message.refusal, `would not be elected for epoch ${role.epoch}`);
}

/** True = it is elected. */
export function takeVoteResponse(turn: Turn, from: string, message: VoteResponse): boolean {
  const { role } = turn.state;
  if (role.kind !== 'candidate' || role.position === null) return false;
  if (role.epoch !== message.epoch || role.campaign !== message.campaign) return false;
  const answers = withAnswer(role.answers, from, message.refusal, message.standing);
  become(turn, { ...role, answers });
  if (isElected(turn, answers)) return true;
  judge(turn, answers, message.refusal, `is not elected for epoch ${role.epoch}`);
  return false;
}

/** Whether the campaign can still succeed. */
function judge(
  turn: Turn,
  answers: ReadonlyMap<string, Answer>,
  refusal: Refusal | null,
  what: string,
): void {
  // A later epoch is needed (rule E15), or the others vote for each other: whoever did not answer may be dead.
  if (refusal === 'voted in this epoch') hurry(turn);
  if (refusal !== 'older epoch' && !isLost(turn, answers)) return;
  const why = [...answers].flatMap(([name, answer]) =>
    answer.refusal === null ? [] : `${name}: ${answer.refusal}`,
  );
  say(turn, `It ${what} (${why.join(', ')}).`);
  leaveRole(turn, 'it is not elected');
  // A node with a longer log campaigns for itself.
  if (![...answers.values()].some((answer) => answer.refusal === 'older log')) hurry(turn);
}

/** A no may become a yes: a vote request may overtake the answer to an earlier one. A yes stays. */
function withAnswer(
  answers: ReadonlyMap<string, Answer>,
  from: string,
  refusal: Refusal | null,
  { incarnation }: Standing,
): ReadonlyMap<string, Answer> {
  if (answers.get(from)?.refusal === null) return answers;
  return new Map(answers).set(from, { refusal, incarnation });
}

function isElected(turn: Turn, answers: ReadonlyMap<string, Answer>): boolean {
  return turn.rules.isMajority(ownLists(turn), (member) => {
    if (member.name === turn.options.node) return turn.rules.isListed(member, turn.options.incarnation);
    const answer = answers.get(member.name);
    return answer?.refusal === null && turn.rules.isListed(member, answer.incarnation);
  });
}

/** Even if all who may still say yes do so. */
function isLost(turn: Turn, answers: ReadonlyMap<string, Answer>): boolean {
  const mayCount = ({ name }: ListedMember) => {
    const answer = answers.get(name);
    return isOpen(answer) || answer?.refusal === null;
  };
  return !turn.rules.isMajority(ownLists(turn), mayCount);
}

/**
 * An epoch that somebody has told of: the next campaign is for a later one (rule E15). A node without the beginning of a newer
 * timeline never campaigns in it.
 */
export function sawEpoch(turn: Turn, epoch: number): void {
  if (timelineOf(epoch) > timelineOf(currentEpoch(turn.state.chain))) return;
  if (epoch > turn.state.seenEpoch) change(turn, { seenEpoch: epoch });
}

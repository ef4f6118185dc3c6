import type { ElectionMessage, Refusal, Standing } from '../model/election-messages.js';
import { memberNamed } from '../model/members.js';
import { timelineOf } from '../model/timeline.js';
import { listsOf, positionText } from './log-position.js';
import type { VotePromise } from './promise.js';
import { isRemoved } from './removal.js';
import type { PromiseTask } from './state.js';
import {
  become,
  change,
  hearsPrimary,
  hurry,
  leaderOf,
  leaveRole,
  otherMembers,
  ownPosition,
  ownTimeline,
  restartTimeout,
  say,
  send,
  sendHeartbeat,
  standingOf,
  type Turn,
} from './turn.js';

/**
 * Promises, in the one order that is safe (rule E13): links of older epochs end, writes under way end, the position is
 * read, promise and vote are kept in one write, and only then anybody is answered. The promise holds in memory from the
 * first of these on, so that nothing of an older epoch begins meanwhile.
 */

type Vote = Extract<ElectionMessage, { kind: 'vote' }>;
type PreVote = Extract<ElectionMessage, { kind: 'preVote' }>;

/** What speaks against a vote in this epoch before the logs are compared. */
function refusalOf(turn: Turn, epoch: number): Refusal | null {
  const { state, options } = turn;
  if (state.chain.length === 0) return 'no list';
  if (state.fitness.abstains !== null) return 'abstains';
  // Epochs that are campaigned for begin with 1.
  if (epoch < Math.max(1, state.promise.promisedEpoch)) return 'older epoch';
  const known = Math.max(state.promise.promisedEpoch, state.seenEpoch);
  return epoch > known + options.epochJumpMax ? 'epoch too far ahead' : null;
}

export function answerPreVote(turn: Turn, from: string, { epoch, position }: PreVote): void {
  const refusal = preVoteRefusal(turn, from, epoch, position);
  if (refusal === 'older log' && turn.state.role.kind === 'follower') hurry(turn);
  send(turn, from, { kind: 'preVoteResponse', epoch, refusal, standing: standingOf(turn) });
  const leader = leaderOf(turn);
  // A node that was removed while it followed nobody hears no heartbeats. It has to find the primary, which tells it (REMOVED).
  const isStranger = leader?.stage === 'lead' && !otherMembers(turn, turn.state.chain).includes(from);
  if (isStranger) sendHeartbeat(turn, leader, [from]);
}

function preVoteRefusal(
  turn: Turn,
  from: string,
  epoch: number,
  position: PreVote['position'],
): Refusal | null {
  const refusal = refusalOf(turn, epoch);
  if (refusal !== null) return refusal;
  if (epoch === turn.state.promise.promisedEpoch) return 'older epoch';
  if (hearsPrimary(turn)) return isRemoved(turn, from) ? 'no member' : 'hears the primary';
  return turn.rules.isUpToDate(position, ownPosition(turn)) ? null : 'older log';
}

/** A vote request. It is dropped while another promise is on its way: it will be sent again. */
export function takeVote(turn: Turn, from: string, vote: Vote): void {
  const { state, rules } = turn;
  const { epoch, campaign } = vote;
  const refuse = (refusal: Refusal) =>
    send(turn, from, { kind: 'voteResponse', epoch, campaign, refusal, standing: standingOf(turn) });
  const refusal = refusalOf(turn, epoch);
  if (refusal !== null) {
    refuse(refusal);
    return;
  }
  if (state.task !== null) return;
  if (!rules.mayVote(state.promise, epoch, campaign)) {
    refuse('voted in this epoch');
    return;
  }
  if (epoch === state.promise.promisedEpoch && state.promise.votedFor === campaign) {
    // Its log was compared when the vote was given; the answer was lost.
    send(turn, from, { kind: 'voteResponse', epoch, campaign, refusal: null, standing: standingOf(turn) });
    return;
  }
  if (!vote.transfer && hearsPrimary(turn)) {
    refuse('hears the primary');
    return;
  }
  // Also in the epoch of the primary that it followed in silence: the link to that ends now, and is dialled again when it is heard.
  leaveRole(turn, `${from} asks for votes in epoch ${epoch}`);
  const { position } = vote;
  begin(turn, epoch, { kind: 'vote', from, campaign, position, refusal: null });
}

/** A campaign of this node, or the primary of a newer epoch. */
export function begin(turn: Turn, epoch: number, purpose: PromiseTask['purpose']): void {
  const { promise } = turn.state;
  change(turn, {
    task: { stage: 'settle', epoch, keptEpoch: promise.promisedEpoch, purpose },
    promise: epoch > promise.promisedEpoch ? { promisedEpoch: epoch, votedFor: null } : promise,
  });
  turn.effects.push({ kind: 'settleLog', epoch });
}

/**
 * A member shows a log that has reached a newer timeline than this node has promised: its beginning was forced, and this node's
 * own history ends there. Nothing of its own timeline is promised or done here any more, whether or not a primary of the newer one
 * is there: the history that an operator gave up must not go on beside the other one.
 */
export function yieldTo(turn: Turn, from: string, standing: Standing): void {
  const { promise, task, chain } = turn.state;
  if (task !== null || timelineOf(standing.position.epoch) <= timelineOf(promise.promisedEpoch)) return;
  const isMember = listsOf(chain).some((list) => {
    const member = memberNamed(list, from);
    return member !== null && turn.rules.isListed(member, standing.incarnation);
  });
  if (!isMember) return;
  const epoch = standing.promisedEpoch;
  say(
    turn,
    `${from} was made the primary by force, or follows one that was (epoch ${epoch}). This node's own history ends: it follows that one.`,
  );
  leaveRole(turn, `${from} has begun epoch ${epoch} by force`);
  begin(turn, epoch, { kind: 'yield' });
}

/** The log stands still: the position that counts can be read. */
export function logSettled(turn: Turn, epoch: number): void {
  const { task, promise } = turn.state;
  if (task?.stage !== 'settle' || task.epoch !== epoch) return;
  const purpose = withRefusal(turn, task.purpose);
  const kept = { promisedEpoch: epoch, votedFor: votedFor(turn, purpose) ?? promise.votedFor };
  change(turn, { task: { ...task, stage: 'keep', purpose }, promise: kept });
  turn.effects.push({ kind: 'keepPromise', promise: kept });
}

function withRefusal(turn: Turn, purpose: PromiseTask['purpose']): PromiseTask['purpose'] {
  if (purpose.kind !== 'vote') return purpose;
  const isUpToDate = turn.rules.isUpToDate(purpose.position, ownPosition(turn));
  return { ...purpose, refusal: isUpToDate ? null : 'older log' };
}

function votedFor(turn: Turn, purpose: PromiseTask['purpose']): VotePromise['votedFor'] {
  const { role } = turn.state;
  if (purpose.kind === 'campaign') return role.kind === 'candidate' ? role.campaign : null;
  if (purpose.kind === 'yield' || (purpose.kind === 'vote' && purpose.refusal !== null)) return null;
  return purpose.campaign;
}

/** The promise is on the disk. Returns the task that is done; null = it was of an earlier life. */
export function promiseKept(turn: Turn, epoch: number): PromiseTask | null {
  const { task } = turn.state;
  if (task?.stage !== 'keep' || task.epoch !== epoch) return null;
  change(turn, { task: null });
  return task;
}

/** The vote is on the disk: the candidate hears of it. */
export function answerVote(
  turn: Turn,
  epoch: number,
  { from, campaign, position, refusal }: Extract<PromiseTask['purpose'], { kind: 'vote' }>,
): void {
  const standing = standingOf(turn);
  send(turn, from, { kind: 'voteResponse', epoch, campaign, refusal, standing });
  if (refusal === null) {
    restartTimeout(turn);
    change(turn, { tries: 0 });
    say(turn, `It votes for ${from} in epoch ${epoch}.`);
    return;
  }
  say(
    turn,
    `It does not vote for ${from} in epoch ${epoch}: its own log ends at ${positionText(standing.position)}, that of ${from} at ${positionText(position)}.`,
  );
  // This node can win where the other one cannot.
  hurry(turn);
}

/** The promise to the primary of a newer epoch is on the disk: this node may follow it. */
export function followAfterPromise(turn: Turn, epoch: number, leader: string, campaign: string): void {
  become(turn, { kind: 'follower', leader: { name: leader, campaign, heardAtMs: turn.at.nowMs } });
  restartTimeout(turn);
  change(turn, { tries: 0, removedBy: null });
  turn.effects.push({ kind: 'follow', leader, epoch });
  const isForced = timelineOf(epoch) > ownTimeline(turn);
  const how = isForced
    ? ', which was begun by force (skein promote --force). What this node has beyond its beginning is set aside'
    : '';
  say(turn, `It follows ${leader}, the primary of epoch ${epoch}${how}.`);
}

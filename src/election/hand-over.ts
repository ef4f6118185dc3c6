import { comparePlaces, newestEntry } from '../model/chain.js';
import { campaignFor, campaignRefusal } from './campaign.js';
import { beat, hasContact, resume } from './leader.js';
import { listsOf } from './log-position.js';
import type { ElectionState, Leader, Moment, Transfer } from './state.js';
import { planTransfer, type Target, type TransferPlan, targets } from './targets.js';
import {
  become,
  type ElectionContext,
  isOwnWitness,
  isVoter,
  leaderOf,
  leaveRole,
  say,
  send,
  type Turn,
  turnOf,
} from './turn.js';

/**
 * Who keeps the lead (rule E14). The elected node has the best log; whether it is the one to serve clients is decided here,
 * and if it is not, it hands over as Raft does: writes end, the target gets everything, and campaigns at once.
 */

/** Draining waits for transactions that are under way. */
const DRAIN_TIMEOUTS = 20;
/** A transfer that failed is not tried again at once: each try closes the ports for a moment. */
const RETRY_TIMEOUTS = 4;

interface Wish {
  readonly reason: string;
  readonly suits: (target: Target) => boolean;
}

/** Why another node should have the lead, and which; null = this one keeps it. */
function wish(turn: Turn, leader: Leader): Wish | null {
  const { fitness, chain } = turn.state;
  const isFit = ({ offer }: Target) => offer.serves === 'yes' && !offer.maintenance;
  if (leader.isWritten && listsOf(chain).length === 1 && !isVoter(turn, listsOf(chain)))
    return { reason: 'it is not a voter any more', suits: () => true };
  if (fitness.serves === 'no') return { reason: 'it has no working server', suits: () => true };
  if (fitness.serves === 'last' && !leader.isServing)
    return { reason: 'its server crashed as the primary', suits: ({ offer }) => offer.serves === 'yes' };
  // Not to a node in maintenance: an operator is at work, and can repair this server by hand.
  if (fitness.serves === 'last') return { reason: 'its server cannot be opened as it is', suits: isFit };
  if (fitness.maintenance) return { reason: 'it is in maintenance', suits: isFit };
  if (leader.isServing || leader.byTransfer) return null;
  const { handOverLag } = turn.options;
  const isBetter = ({ offer }: Target) =>
    offer.priority > fitness.priority ||
    (offer.priority === fitness.priority && offer.applied > turn.at.applied + handOverLag);
  return {
    reason: 'another node opens sooner or is preferred',
    suits: (target) => isFit(target) && isBetter(target),
  };
}

/** Looked at whenever something has changed. */
export function handOver(turn: Turn, isTick = false): void {
  const leader = leaderOf(turn);
  if (leader === null || leader.stage !== 'lead') return;
  if (leader.transfer !== null) {
    advance(turn, leader, leader.transfer, isTick);
    return;
  }
  if (leader.isSuspended) return;
  const { nowMs } = turn.at;
  const wanted = wish(turn, leader);
  const target = wanted && targets(turn, leader).find(wanted.suits);
  if (wanted && target && nowMs >= leader.noTransferUntilMs) {
    beginTransfer(turn, leader, target.name, wanted.reason);
    return;
  }
  const { serves, maintenance } = turn.state.fitness;
  // Somebody fitter may still be heard of; but somebody has to serve.
  const isLate = nowMs - leader.idleSinceMs >= turn.options.electionTimeoutMaxMs;
  if (leader.isServing || !(isLate || wanted === null || (!target && serves === 'yes' && !maintenance)))
    return;
  if (serves !== 'no') serve(turn, leader);
  else if (leader.hasServed && nowMs >= leader.noTransferUntilMs)
    beginTransfer(
      turn,
      leader,
      turn.options.node,
      'no other node can serve, so its server has to be started again',
    );
}

function serve(turn: Turn, leader: Leader): void {
  become(turn, { ...leader, isServing: true, hasServed: true });
  turn.effects.push({ kind: 'serve', epoch: leader.epoch });
}

/** An operator wants it. `to`: null = the fittest. */
export function orderTransfer(turn: Turn, to: string | null): void {
  const leader = leaderOf(turn);
  const refuse = (code: string, reason: string) => turn.effects.push({ kind: 'refused', code, reason });
  if (leader === null || leader.stage !== 'lead') {
    refuse('NOT_PRIMARY', 'This node is not the primary, or its epoch is only beginning.');
  } else if (leader.transfer !== null) {
    refuse('TRANSFER_RUNNING', `A transfer to ${leader.transfer.to} is under way.`);
  } else {
    const plan = planTransfer(turn, leader, to);
    if (plan.to !== null) beginTransfer(turn, leader, plan.to, 'an operator wants it');
    else refuse('NO_TARGET', plan.against.join(' '));
  }
}

/** What an operator's transfer would do now; null = this node is not the primary. Changes nothing. */
export function transferPlanOf(
  context: ElectionContext,
  state: ElectionState,
  at: Moment,
  to: string | null,
): TransferPlan | null {
  const turn = turnOf(context, state, at);
  const leader = leaderOf(turn);
  if (leader === null || leader.stage !== 'lead') return null;
  const plan = planTransfer(turn, leader, to);
  if (leader.transfer === null) return plan;
  return { to: null, against: [`A transfer to ${leader.transfer.to} is under way.`, ...plan.against] };
}

function beginTransfer(turn: Turn, leader: Leader, to: string, reason: string): void {
  const { nowMs, log } = turn.at;
  say(turn, `It hands over to ${to}: ${reason}.`);
  const { electionTimeoutMaxMs } = turn.options;
  if (leader.hasServed) {
    const untilMs = nowMs + DRAIN_TIMEOUTS * electionTimeoutMaxMs;
    become(turn, { ...leader, transfer: { stage: 'drain', to, reason, end: null, untilMs } });
    turn.effects.push({ kind: 'drain', to, reason });
    return;
  }
  const untilMs = nowMs + electionTimeoutMaxMs;
  become(turn, { ...leader, transfer: { stage: 'catchUp', to, reason, end: log.ordinal, untilMs } });
  handOver(turn);
}

/** The server takes no more writes, and everything up to `ordinal` was sent; null: writes under way did not end. */
export function drained(turn: Turn, ordinal: number | null): void {
  const leader = leaderOf(turn);
  if (leader?.transfer?.stage !== 'drain') return;
  if (ordinal === null) {
    abort(turn, leader, 'its writes under way did not end in time');
    return;
  }
  const untilMs = turn.at.nowMs + turn.options.electionTimeoutMaxMs;
  become(turn, { ...leader, transfer: { ...leader.transfer, stage: 'catchUp', end: ordinal, untilMs } });
  // Clients wait: the target is asked at once, and often, how far it is.
  beat(turn);
  handOver(turn);
}

function advance(turn: Turn, leader: Leader, transfer: Transfer, isTick: boolean): void {
  if (turn.at.nowMs >= transfer.untilMs) {
    abort(turn, leader, `${transfer.to} did not take over in time`);
    return;
  }
  if (transfer.stage === 'drain') return;
  if (transfer.to === turn.options.node) {
    const { promise, seenEpoch } = turn.state;
    leaveRole(turn, transfer.reason);
    if (campaignRefusal(turn) !== null) return;
    campaignFor(turn, turn.rules.nextEpoch(promise.promisedEpoch, seenEpoch), true);
    return;
  }
  if (transfer.stage === 'catchUp') {
    if (!hasEverything(turn, transfer)) return;
    const untilMs = turn.at.nowMs + turn.options.electionTimeoutMaxMs;
    // Whoever is elected now is not waited for: nobody is served here from now on (rule E11).
    become(turn, { ...leader, isSuspended: true, transfer: { ...transfer, stage: 'sent', untilMs } });
    turn.effects.push({ kind: 'suspend', reason: `it hands over to ${transfer.to}` });
  } else if (!isTick || leader.beats.at(-1)?.sentAtMs !== turn.at.nowMs) {
    // It may be lost: it is said again with each heartbeat.
    return;
  }
  send(turn, transfer.to, { kind: 'timeoutNow', epoch: leader.epoch });
}

function hasEverything(turn: Turn, { to, end }: Transfer): boolean {
  const view = turn.state.peers.get(to);
  const entry = newestEntry(turn.state.chain);
  if (!view?.offer || entry === null || end === null) return false;
  const { position } = view.standing;
  // A witness serves nobody while the target executes the rest, so the target may as well do that as the primary.
  const isApplied = isOwnWitness(turn) || view.offer.serves !== 'yes' || view.offer.applied >= end;
  return comparePlaces(position, entry) >= 0 && position.ordinal >= end && isApplied;
}

/** Nobody has promised another epoch, so this node goes on in its own. */
function abort(turn: Turn, leader: Leader, reason: string): void {
  const noTransferUntilMs = turn.at.nowMs + RETRY_TIMEOUTS * turn.options.electionTimeoutMaxMs;
  become(turn, { ...leader, transfer: null, noTransferUntilMs });
  turn.effects.push({ kind: 'undrain', reason });
  say(turn, `It keeps the lead: ${reason}.`);
  if (leader.isSuspended && hasContact(turn)) resume(turn);
}

import { type Chain, currentEpoch } from '../model/chain.js';
import type { ElectionMessage } from '../model/election-messages.js';
import {
  askForVotes,
  campaign,
  campaignRefusal,
  campaignTick,
  sawEpoch,
  takePreVoteResponse,
  takeVoteResponse,
} from './campaign.js';
import { linkClosed, takeHeartbeat, takeTimeoutNow } from './follower.js';
import { orderForce } from './force.js';
import { drained, handOver, orderTransfer } from './hand-over.js';
import {
  beatIntervalMs,
  beginEpoch,
  chainWritten,
  changeMembers,
  leaderTick,
  progress,
  takeAdopted,
  takeHeartbeatResponse,
} from './leader.js';
import type { VotePromise } from './promise.js';
import {
  answerPreVote,
  answerVote,
  followAfterPromise,
  logSettled,
  promiseKept,
  takeVote,
  yieldTo,
} from './promising.js';
import type { ElectionEvent, ElectionState, ElectionStep, Fitness, Moment, PeerView } from './state.js';
import {
  change,
  type ElectionContext,
  hurry,
  leaderOf,
  leaveRole,
  NO_LEADER,
  otherVoters,
  ownLists,
  restartTimeout,
  say,
  type Turn,
  turnOf,
} from './turn.js';

/**
 * The election of one node: Raft's, over the log of transactions (rules E1-E16). Pure: state, event and moment in;
 * state and effects out. No clock, no disk, no links: the driver has them.
 */

/** What a node knows from its disk when it starts. */
export interface ElectionStart {
  readonly promise: VotePromise;
  /** The log was cut to it already (rule E13). */
  readonly chain: Chain;
  readonly fitness: Fitness;
  /** What this node had seen of others (rule E5); it may be lost. */
  readonly peers: ReadonlyMap<string, PeerView>;
}

/** Nobody is primary by configuration, or because it was: each node begins as a follower. */
export function startElection(context: ElectionContext, start: ElectionStart, at: Moment): ElectionStep {
  const { promise, chain, fitness, peers } = start;
  // A promise is kept before anything of its epoch is: both on one disk do not fit together otherwise (rule H2).
  const setBack =
    currentEpoch(chain) > promise.promisedEpoch
      ? `Its promise is of epoch ${promise.promisedEpoch}, its history of epoch ${currentEpoch(chain)}: the disk was set back, or a file of it is gone.`
      : null;
  const abstains = setBack ?? fitness.abstains;
  const turn: Turn = {
    ...context,
    at,
    effects: [],
    state: {
      promise,
      chain,
      keptChain: chain,
      peers,
      fitness: { ...fitness, abstains },
      setBack,
      task: null,
      role: NO_LEADER,
      seenEpoch: currentEpoch(chain),
      electionAtMs: 0,
      tries: 0,
      tickAtMs: at.nowMs,
      removedBy: null,
    },
  };
  restartTimeout(turn);
  if (abstains !== null) say(turn, `It takes no part in elections. ${abstains}`);
  // A node alone has nobody to hear of first.
  else if (campaignRefusal(turn) === null && otherVoters(turn, ownLists(turn)).length === 0) campaign(turn);
  return { state: turn.state, effects: turn.effects };
}

export function electionStep(
  context: ElectionContext,
  state: ElectionState,
  event: ElectionEvent,
  at: Moment,
): ElectionStep {
  const turn = turnOf(context, state, at);
  take(turn, event);
  return { state: turn.state, effects: turn.effects };
}

function take(turn: Turn, event: ElectionEvent): void {
  switch (event.kind) {
    case 'tick':
      tick(turn);
      return;
    case 'message':
      takeMessage(turn, event.from, event.message);
      return;
    case 'logSettled':
      logSettled(turn, event.epoch);
      return;
    case 'promiseKept':
      goOn(turn, event.epoch);
      return;
    case 'chainWritten': {
      const before = turn.state.keptChain;
      change(turn, { keptChain: event.chain });
      chainWritten(turn, event.chain, before);
      handOver(turn);
      return;
    }
    case 'chainFollowed':
      // A primary writes its own chain.
      if (leaderOf(turn) === null) change(turn, { chain: event.chain, keptChain: event.chain });
      return;
    case 'adopted':
      takeAdopted(turn, event);
      handOver(turn);
      return;
    case 'linkClosed':
      linkClosed(turn, event.peer, event.isRefused);
      return;
    case 'fitness':
      takeFitness(turn, event.fitness);
      return;
    case 'transfer':
      orderTransfer(turn, event.to);
      return;
    case 'force':
      orderForce(turn, event);
      return;
    case 'drained':
      drained(turn, event.ordinal);
      return;
    case 'changeMembers':
      changeMembers(turn, event);
      return;
  }
}

function tick(turn: Turn): void {
  const { state, options, at } = turn;
  // What this process did not hear while it did not run is no silence of the others (rule H4).
  const wasAway = at.nowMs - state.tickAtMs > 2 * options.heartbeatIntervalMs;
  if (wasAway && state.role.kind !== 'leader') restartTimeout(turn);
  const { role } = turn.state;
  if (role.kind === 'leader') {
    leaderTick(turn, wasAway);
    handOver(turn, true);
  } else if (role.kind !== 'follower') {
    campaignTick(turn, role);
  } else if (at.nowMs >= turn.state.electionAtMs) {
    campaign(turn);
  }
  change(turn, { tickAtMs: at.nowMs });
}

/** When the driver has to call `tick` again at the latest (monotonic ms). */
export function nextTickMs(context: ElectionContext, state: ElectionState): number {
  const { role, task, tickAtMs, electionAtMs } = state;
  if (role.kind === 'leader') {
    const beatAtMs = role.beats.at(-1)?.sentAtMs ?? tickAtMs;
    return Math.min(tickAtMs, beatAtMs) + beatIntervalMs(context, role);
  }
  const nextMs = tickAtMs + context.options.heartbeatIntervalMs;
  // Nobody campaigns while a promise is on its way to the disk.
  return task === null ? Math.min(nextMs, electionAtMs) : nextMs;
}

function takeMessage(turn: Turn, from: string, message: ElectionMessage): void {
  switch (message.kind) {
    case 'preVote':
      answerPreVote(turn, from, message);
      return;
    case 'vote':
      takeVote(turn, from, message);
      return;
    case 'heartbeat':
      sawEpoch(turn, message.epoch);
      takeHeartbeat(turn, from, message);
      return;
    case 'timeoutNow':
      takeTimeoutNow(turn, from, message.epoch);
      return;
    case 'preVoteResponse':
      takePreVoteResponse(turn, from, judged(turn, from, message));
      return;
    case 'voteResponse':
      if (takeVoteResponse(turn, from, judged(turn, from, message))) beginEpoch(turn);
      return;
    case 'heartbeatResponse':
      judged(turn, from, { ...message, refusal: null });
      takeHeartbeatResponse(turn, from, message);
      handOver(turn);
      return;
  }
}

type Response = Extract<ElectionMessage, { kind: 'preVoteResponse' | 'voteResponse' | 'heartbeatResponse' }>;

/**
 * Keeps what a peer says of itself. The vote of one that shows less than was seen of it does not count: its disk was set
 * back, and it may have forgotten what it acknowledged or promised (rule E5).
 */
function judged<M extends Response & { readonly refusal: unknown }>(turn: Turn, from: string, message: M): M {
  const { standing } = message;
  const seen = turn.state.peers.get(from);
  sawEpoch(turn, standing.promisedEpoch);
  if (turn.rules.isSetBack(standing, seen)) {
    say(
      turn,
      `${from} shows an older state of its disk than it had. Its vote does not count before it has caught up.`,
    );
    return { ...message, refusal: 'abstains' };
  }
  const offer = message.kind === 'heartbeatResponse' ? message.offer : (seen?.offer ?? null);
  const hearsPrimary = message.refusal === 'hears the primary';
  const peers = new Map(turn.state.peers).set(from, {
    standing,
    offer,
    heardAtMs: turn.at.nowMs,
    hearsPrimary,
  });
  change(turn, { peers });
  yieldTo(turn, from, standing);
  return message;
}

/** A promise is on the disk: what waited for it is done. */
function goOn(turn: Turn, epoch: number): void {
  const purpose = promiseKept(turn, epoch)?.purpose;
  if (purpose?.kind === 'vote') answerVote(turn, epoch, purpose);
  else if (purpose?.kind === 'follow') followAfterPromise(turn, epoch, purpose.leader, purpose.campaign);
  else if (purpose?.kind === 'campaign' && askForVotes(turn)) beginEpoch(turn);
  else if (purpose?.kind === 'yield') restartTimeout(turn);
}

function takeFitness(turn: Turn, now: Fitness): void {
  const abstained = turn.state.fitness.abstains !== null;
  const fitness = { ...now, abstains: turn.state.setBack ?? now.abstains };
  change(turn, { fitness });
  const leader = leaderOf(turn);
  const { role, task } = turn.state;
  if (fitness.abstains !== null) {
    if (role.kind !== 'follower' && task === null) leaveRole(turn, 'it takes no part in elections now');
  } else if (leader !== null) {
    // The epoch goes on without the server; only serving ends (rule E8).
    if (fitness.serves === 'no' && leader.isServing)
      change(turn, { role: { ...leader, isServing: false, idleSinceMs: turn.at.nowMs } });
    progress(turn);
    handOver(turn);
  } else if (abstained && fitness.abstains === null) {
    hurry(turn);
  }
}

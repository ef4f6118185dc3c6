import type { ElectionMessage } from '../model/election-messages.js';
import { campaignFor, campaignRefusal } from './campaign.js';
import { begin, followAfterPromise } from './promising.js';
import {
  become,
  hurry,
  leaveRole,
  offerOf,
  restartTimeout,
  say,
  send,
  standingOf,
  type Turn,
} from './turn.js';

/** What a node does with what the primary says, and when it hears nothing of it. */

type Heartbeat = Extract<ElectionMessage, { kind: 'heartbeat' }>;

export function takeHeartbeat(turn: Turn, from: string, heartbeat: Heartbeat): void {
  const { epoch, campaign } = heartbeat;
  const { promise, task, role } = turn.state;
  if (epoch < promise.promisedEpoch) {
    // The answer tells it of the newer promise (rule E15).
    respond(turn, from, heartbeat);
    return;
  }
  if (task !== null || epoch === 0) return;
  if (epoch > promise.promisedEpoch) {
    leaveRole(turn, `${from} is the primary of epoch ${epoch}`);
    begin(turn, epoch, { kind: 'follow', leader: from, campaign });
    return;
  }
  if (role.kind === 'leader') {
    say(turn, `${from} says that it is the primary of this node's own epoch ${epoch}: it is not heard.`);
    return;
  }
  const leader = role.kind === 'follower' ? role.leader : null;
  if (leader !== null && leader.campaign !== campaign) {
    say(
      turn,
      `${from} and ${leader.name} both say that they are the primary of epoch ${epoch}: ${from} is not heard.`,
    );
    return;
  }
  if (leader === null) {
    // A primary that no majority answers gets one more election time-out: this answer may be what it lacks.
    followAfterPromise(turn, epoch, from, campaign);
  } else if (heartbeat.isAnswered) {
    become(turn, { kind: 'follower', leader: { ...leader, heardAtMs: turn.at.nowMs } });
    restartTimeout(turn);
  }
  respond(turn, from, heartbeat);
}

function respond(turn: Turn, to: string, { epoch, number }: Heartbeat): void {
  const standing = standingOf(turn);
  send(turn, to, { kind: 'heartbeatResponse', epoch, number, standing, offer: offerOf(turn) });
}

/** The primary hands over to this node: it campaigns at once, and nobody is asked before. */
export function takeTimeoutNow(turn: Turn, from: string, epoch: number): void {
  const { role, promise, task } = turn.state;
  if (role.kind !== 'follower' || role.leader?.name !== from) return;
  if (epoch !== promise.promisedEpoch || task !== null || campaignRefusal(turn) !== null) return;
  say(turn, `${from} hands over to this node.`);
  campaignFor(turn, turn.rules.nextEpoch(promise.promisedEpoch, turn.state.seenEpoch), true);
}

/** The primary's link was closed by its end. A process that is gone need not be waited for. */
export function linkClosed(turn: Turn, peer: string, isRefused: boolean): void {
  const { role } = turn.state;
  if (role.kind !== 'follower' || role.leader?.name !== peer) return;
  become(turn, { ...role, leader: { ...role.leader, heardAtMs: null } });
  if (!isRefused) return;
  say(turn, `The primary ${peer} has closed its link and refuses a new one.`);
  hurry(turn);
}

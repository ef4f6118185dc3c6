import { type Chain, comparePlaces, extendChain, newestEntry, settleChain } from '../model/chain.js';
import type { ElectionMessage } from '../model/election-messages.js';
import type { ListedMember, MemberList } from '../model/members.js';
import { isForcedBeginning, timelineOf } from '../model/timeline.js';
import { listReached, listsOf } from './log-position.js';
import type { ElectionEvent, Leader } from './state.js';
import {
  become,
  chainOf,
  change,
  isListedMember,
  leaderOf,
  leaveRole,
  otherMembers,
  say,
  sendHeartbeat,
  type Turn,
} from './turn.js';

/** The primary of an epoch: its beginning, its contact with a majority, and the entries that it adds to the chain. */

type HeartbeatResponse = Extract<ElectionMessage, { kind: 'heartbeatResponse' }>;

/** A majority has voted for this node. Its log stands still since the position was read. */
export function beginEpoch(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== 'candidate') return;
  const { epoch, campaign, transfer, position } = role;
  if (position?.ordinal !== turn.at.log.ordinal) {
    // Nobody feeds a candidate, so this cannot be; its voters have compared another log.
    leaveRole(turn, 'its log moved during the campaign');
    return;
  }
  const before = chainOf(turn);
  const list = listReached(turn.state.chain, before.length);
  const members = role.isForced ? forcedList(turn, list) : list;
  const entry = { epoch, number: 0, beginsAfter: turn.at.log, primary: turn.options.node, members };
  // Entries that this log has not reached never were on a majority, or this node could not have been elected (rule E7).
  const extended = extendChain(before, entry);
  // The voters that are gone have no say in a forced epoch.
  const chain = role.isForced ? settleChain(extended) : extended;
  change(turn, { chain });
  become(turn, {
    kind: 'leader',
    epoch,
    campaign,
    stage: 'begin',
    isWritten: false,
    adopted: new Map(),
    beats: [],
    contacts: new Map(),
    isSuspended: false,
    isServing: false,
    hasServed: false,
    byTransfer: transfer,
    electedAtMs: turn.at.nowMs,
    idleSinceMs: turn.at.nowMs,
    transfer: null,
    noTransferUntilMs: 0,
  });
  const how = role.isForced ? 'begins epoch' : 'is elected for epoch';
  const by = role.isForced ? ' by force, without the votes of a majority' : '';
  say(turn, `It ${how} ${epoch}${by}, which begins after ordinal ${turn.at.log.ordinal}.`);
  turn.effects.push({ kind: 'writeChain', chain });
  // Who hears of a forced epoch gives up its own history: not before the beginning is certain to stay.
  if (!role.isForced) beat(turn);
}

/** The others are learners until they have this node's log. */
function forcedList({ options }: Turn, list: MemberList): MemberList {
  const { node, incarnation } = options;
  return list.map((member) =>
    member.name === node ? { ...member, incarnation, voter: true } : { ...member, voter: false },
  );
}

/** `before`: what was on the disk until then. */
export function chainWritten(turn: Turn, chain: Chain, before: Chain): void {
  const leader = leaderOf(turn);
  // Another entry may have come while this one was written.
  if (leader === null || chain !== turn.state.chain) return;
  become(turn, { ...leader, isWritten: true, stage: leader.stage === 'begin' ? 'gather' : leader.stage });
  if (leader.stage === 'begin') turn.effects.push({ kind: 'feed', epoch: leader.epoch });
  else if (!leader.isWritten) announce(turn, isSettling(before, chain));
  progress(turn);
}

/** Whether the write brought no new entry: then it took the list before out of the count. */
function isSettling(before: Chain, chain: Chain): boolean {
  const [old, last] = [newestEntry(before), newestEntry(chain)];
  return old !== null && last !== null && comparePlaces(old, last) === 0;
}

function announce(turn: Turn, isSettled: boolean): void {
  const entry = newestEntry(turn.state.chain);
  if (entry !== null) turn.effects.push({ kind: 'announce', entry, isSettled });
}

export function takeAdopted(turn: Turn, event: Extract<ElectionEvent, { kind: 'adopted' }>): void {
  const leader = leaderOf(turn);
  if (leader === null || event.epoch !== leader.epoch || leader.stage === 'begin') return;
  const known = leader.adopted.get(event.from);
  const { from, incarnation, place } = event;
  if (!isListedMember(turn, turn.state.chain, from, incarnation)) return;
  if (known !== undefined && comparePlaces(known, place) >= 0) return;
  become(turn, { ...leader, adopted: new Map(leader.adopted).set(from, place) });
  progress(turn);
}

/** Whether the newest entry is on a majority by now. */
export function progress(turn: Turn): void {
  const leader = leaderOf(turn);
  const entry = newestEntry(turn.state.chain);
  if (leader === null || entry === null || !leader.isWritten) return;
  const { ordinal } = turn.at.log;
  const hasAdopted = (member: ListedMember) => {
    if (member.name === turn.options.node)
      return turn.rules.isListed(member, turn.options.incarnation) && ordinal >= entry.beginsAfter.ordinal;
    const place = leader.adopted.get(member.name);
    return place !== undefined && comparePlaces(place, entry) >= 0;
  };
  const lists = listsOf(turn.state.chain);
  const isOnMajority = turn.rules.isMajority(lists, hasAdopted);
  if (!isOnMajority && (leader.stage === 'lead' || turn.rules.needsAdoption())) return;
  if (leader.stage === 'gather') {
    become(turn, { ...leader, stage: 'lead', idleSinceMs: turn.at.nowMs });
    turn.effects.push({ kind: 'lead', epoch: leader.epoch });
    say(turn, `The beginning of epoch ${leader.epoch} is on a majority.`);
  }
  const now = leaderOf(turn);
  if (now !== null && isOnMajority && lists.length > 1) settle(turn, now);
}

/**
 * A majority of both lists has the newest one: the one before counts no more. Members hear of it when it is on the disk: one
 * that is on no list any more votes for nobody, and after a crash this node could still need its vote by the list before.
 */
function settle(turn: Turn, leader: Leader): void {
  const chain = settleChain(turn.state.chain);
  change(turn, { chain });
  become(turn, { ...leader, isWritten: false });
  turn.effects.push({ kind: 'writeChain', chain });
}

/** A new list of members (rule C11). It counts here from now on, before it is on the disk. */
export function changeMembers(
  turn: Turn,
  { members, end }: Extract<ElectionEvent, { kind: 'changeMembers' }>,
): void {
  const leader = leaderOf(turn);
  const lists = listsOf(turn.state.chain).length;
  const { rules, state } = turn;
  const facts = { leads: leader?.stage === 'lead', lists, isWritten: leader?.isWritten === true };
  const reason =
    leader === null
      ? 'This node is not the primary.'
      : (rules.listRefusal(facts) ?? disturbed(leader) ?? unreachable(turn, members));
  const last = newestEntry(state.chain);
  if (reason !== null || leader === null || last === null) {
    turn.effects.push({ kind: 'refused', code: 'CHANGE_REFUSED', reason: reason ?? 'It has no list.' });
    return;
  }
  const { epoch, primary, number } = last;
  const chain = extendChain(state.chain, { epoch, number: number + 1, beginsAfter: end, primary, members });
  change(turn, { chain });
  become(turn, { ...leader, isWritten: false });
  turn.effects.push({ kind: 'writeChain', chain });
  say(turn, `A new list of members begins after ordinal ${end.ordinal}.`);
}

/** The target of a transfer would lack the new entry, and could not be elected. */
function disturbed({ transfer }: Leader): string | null {
  return transfer === null ? null : `A transfer to ${transfer.to} is under way.`;
}

/** A change that cannot get its majority now would stay under way, and stand in the way of the next one. */
function unreachable(turn: Turn, members: MemberList): string | null {
  return hasContactWith(turn, [members], Number.NEGATIVE_INFINITY)
    ? null
    : 'A majority of the voters of the new list does not answer. Nothing was changed.';
}

// --- contact with a majority (check-quorum, rule E11) ---------------------------------------------------------------

export function beat(turn: Turn): void {
  const leader = leaderOf(turn);
  if (leader === null) return;
  const { nowMs } = turn.at;
  const number = (leader.beats.at(-1)?.number ?? 0) + 1;
  const recent = leader.beats.filter(({ sentAtMs }) => nowMs - sentAtMs <= turn.options.electionTimeoutMaxMs);
  const beating = { ...leader, beats: [...recent, { number, sentAtMs: nowMs }] };
  become(turn, beating);
  sendHeartbeat(turn, beating, otherMembers(turn, turn.state.chain));
}

export function takeHeartbeatResponse(turn: Turn, from: string, message: HeartbeatResponse): void {
  const leader = leaderOf(turn);
  const { standing } = message;
  if (leader === null || !otherMembers(turn, turn.state.chain).includes(from)) return;
  if (standing.promisedEpoch > leader.epoch) {
    // One that was to be forced and is not: it cannot be outbid, and may be done without.
    if (timelineOf(standing.promisedEpoch) > timelineOf(leader.epoch)) return;
    if (isListedMember(turn, turn.state.chain, from, standing.incarnation))
      leaveRole(turn, `${from} has promised epoch ${standing.promisedEpoch}`);
    return;
  }
  const sent = leader.beats.find(({ number }) => number === message.number);
  if (message.epoch !== leader.epoch || standing.promisedEpoch !== leader.epoch || !sent) return;
  const contactMs = turn.rules.contactMs(sent.sentAtMs, turn.at.nowMs);
  if (contactMs <= (leader.contacts.get(from) ?? Number.NEGATIVE_INFINITY)) return;
  become(turn, { ...leader, contacts: new Map(leader.contacts).set(from, contactMs) });
  if (leader.isSuspended && leader.transfer?.stage !== 'sent' && hasContact(turn)) resume(turn);
}

export function resume(turn: Turn): void {
  const leader = leaderOf(turn);
  if (leader === null) return;
  become(turn, { ...leader, isSuspended: false });
  turn.effects.push({ kind: 'resume' });
  say(turn, 'A majority answers: it serves again.');
}

/** Whether a majority answered a heartbeat that was sent within the shortest election time-out; its voters did just now. */
export function hasContact(turn: Turn): boolean {
  const leader = leaderOf(turn);
  return leader !== null && hasContactWith(turn, listsOf(turn.state.chain), leader.electedAtMs);
}

/** `unheardMs`: the contact of a member that has not answered yet. */
function hasContactWith(turn: Turn, lists: readonly MemberList[], unheardMs: number): boolean {
  const { rules, options, state, at } = turn;
  const leader = leaderOf(turn);
  const sinceMs = at.nowMs - options.electionTimeoutMinMs;
  return rules.isMajority(lists, (member) => {
    const { name } = member;
    if (name === options.node) return rules.isListed(member, options.incarnation);
    const contactMs = leader?.contacts.get(name);
    if (contactMs === undefined) return unheardMs > sinceMs;
    return contactMs > sinceMs && rules.isListed(member, state.peers.get(name)?.standing.incarnation ?? '');
  });
}

export function beatIntervalMs({ options }: Pick<Turn, 'options'>, leader: Leader): number {
  return leader.transfer?.stage === 'catchUp' ? options.pauseMinMs : options.heartbeatIntervalMs;
}

/** `wasAway`: this process did not run for a while, so answers may be waiting to be read. */
export function leaderTick(turn: Turn, wasAway: boolean): void {
  const leader = leaderOf(turn);
  if (leader === null) return;
  const { nowMs } = turn.at;
  const last = leader.beats.at(-1)?.sentAtMs ?? Number.NEGATIVE_INFINITY;
  const isCertain = leader.stage !== 'begin' || !isForcedBeginning({ epoch: leader.epoch, number: 0 });
  if (isCertain && nowMs - last >= beatIntervalMs(turn, leader)) beat(turn);
  progress(turn);
  const isShort = nowMs - turn.state.tickAtMs < turn.options.electionTimeoutMinMs;
  const now = leaderOf(turn);
  if (now === null || (wasAway && isShort)) return;
  const isHeard = hasContact(turn);
  // Also without an answer: the list may have become one in which this node is a majority.
  if (isHeard && now.isSuspended && now.transfer?.stage !== 'sent') resume(turn);
  if (isHeard || now.isSuspended) return;
  become(turn, { ...now, isSuspended: true });
  const reason = `no majority has answered for ${turn.options.electionTimeoutMinMs} ms`;
  turn.effects.push({ kind: 'suspend', reason });
  say(turn, `It serves nobody: ${reason}.`);
}

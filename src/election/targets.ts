import { listInForce } from '../model/chain.js';
import type { Offer } from '../model/election-messages.js';
import { isWitness, type ListedMember } from '../model/members.js';
import { durationText } from '../std/duration-text.js';
import type { Leader, PeerView } from './state.js';
import type { Turn } from './turn.js';

/** Who could take over from this primary, and what stands against the others. Pure. */

export interface Target {
  readonly name: string;
  readonly view: PeerView;
  readonly offer: Offer;
}

/**
 * A transfer that an operator wants is refused when the target has more groups than this to execute. Clients would wait for
 * them, and a server executes some thousands in a second.
 */
const LAG_MAX = 5_000;

/** Voters that this primary hears, and that could serve clients, the fittest first. */
export function targets(turn: Turn, leader: Leader): Target[] {
  const found = listInForce(turn.state.chain).flatMap((member) => {
    const target = member.name === turn.options.node ? null : judged(turn, leader, member);
    return target === null || typeof target === 'string' ? [] : [target];
  });
  return found.sort((a, b) => compareOffers(b.offer, a.offer) || (a.name < b.name ? -1 : 1));
}

function compareOffers(a: Offer, b: Offer): number {
  const order = (value: boolean) => (value ? 1 : 0);
  return (
    order(a.serves === 'yes') - order(b.serves === 'yes') ||
    order(!a.maintenance) - order(!b.maintenance) ||
    a.priority - b.priority ||
    a.applied - b.applied
  );
}

/** The member as a target, or why it is none. */
function judged(turn: Turn, leader: Leader, member: ListedMember): Target | string {
  const { name } = member;
  const { nowMs } = turn.at;
  if (!member.voter) return `${name} is not a voter.`;
  if (isWitness(member)) return `${name} is a witness: it has no server, so it cannot be the primary.`;
  const heardMs = leader.contacts.get(name);
  const view = turn.state.peers.get(name);
  if (heardMs === undefined || !view?.offer) return `${name} has not answered this primary yet.`;
  if (nowMs - heardMs >= turn.options.electionTimeoutMinMs)
    return `${name} has not answered for ${durationText(nowMs - heardMs)}.`;
  if (!turn.rules.isListed(member, view.standing.incarnation))
    return `The disk of ${name} is not the one that the list of members names.`;
  if (view.offer.serves === 'no') return `${name} has no working server.`;
  return { name, view, offer: view.offer };
}

/** What an operator wants to know before a transfer. */
export interface TransferPlan {
  /** Who would take over; null = nobody can. */
  readonly to: string | null;
  /** What stands against each other member that was asked for: whole sentences. */
  readonly against: readonly string[];
}

/** `to`: null = the fittest. */
export function planTransfer(turn: Turn, leader: Leader, to: string | null): TransferPlan {
  const { node } = turn.options;
  const members = listInForce(turn.state.chain).filter(({ name }) => name !== node);
  if (to !== null && members.every(({ name }) => name !== to))
    return { to: null, against: [`${to} is not a member of the cluster.`] };
  const asked = to === null ? members : members.filter(({ name }) => name === to);
  const against = asked.flatMap((member) => {
    const target = judged(turn, leader, member);
    const reason = typeof target === 'string' ? target : objection(turn, target, to !== null);
    return reason === null ? [] : [{ name: member.name, reason }];
  });
  const isFree = ({ name }: Target) => against.every((each) => each.name !== name);
  const found = targets(turn, leader).find((target) => (to === null || target.name === to) && isFree(target));
  const nobody = members.length === 0 ? ['The cluster has no other member.'] : [];
  return { to: found?.name ?? null, against: [...nobody, ...against.map(({ reason }) => reason)] };
}

/** Why an operator's transfer should not go to a target that could take over. `isNamed`: the operator wants just this one. */
function objection(turn: Turn, { name, offer }: Target, isNamed: boolean): string | null {
  const behind = turn.at.log.ordinal - offer.applied;
  if (behind > LAG_MAX)
    return `${name} still has to apply ${behind} transactions, and clients would wait for that. At most ${LAG_MAX} are allowed.`;
  if (isNamed) return null;
  if (offer.serves !== 'yes')
    return `The server of ${name} crashed as the primary, and has to be compared first.`;
  return offer.maintenance ? `${name} is in maintenance.` : null;
}

import { durationText } from '../std/duration-text.js';
import type { ForcePlan, SeenMember } from './force.js';
import { comparePositions } from './log-position.js';

/**
 * What is given up when this node is made the primary by force, in whole sentences for people. `told`: up to where each member had
 * the log when the last primary told of it; 0 or absent = not known. Pure.
 */
export function lossesOf(
  node: string,
  { position, others, serves }: ForcePlan,
  told: ReadonlyMap<string, number>,
): string[] {
  const { ordinal } = position;
  return [
    `The log of ${node} ends with transaction ${ordinal}. What the cluster acknowledged after that is given up, also what ${node} does not know of.`,
    ...others.map((member) => lossWith(member, node, position, told.get(member.name) ?? 0)),
    ...(others.length === 0
      ? []
      : [
          `The other members follow ${node} when they come back. What they have beyond transaction ${ordinal} is kept on their disks (skein recovered), and they are filled from ${node}. Until they are voters again, only ${node} has what is written.`,
          'Members that only cannot be reached may still serve clients. What they take until they hear of this is given up too.',
        ]),
    ...(serves === 'yes'
      ? []
      : [`The database server of ${node} does not run as a replica's now. ${node} opens only when it can.`]),
  ];
}

function lossWith(
  { name, voter, position, heardMs }: SeenMember,
  node: string,
  own: ForcePlan['position'],
  told: number,
): string {
  const who = `${name} (${voter ? 'voter' : 'learner'})`;
  if (position === null)
    return told === 0
      ? `${who}: where its log ended is not known.`
      : `${who}: its log had at least transaction ${told}${told <= own.ordinal ? `, which ${node} has too` : `: ${told - own.ordinal} or more that ${node} does not have`}.`;
  const when = heardMs === null ? 'before this start of the node' : `${durationText(heardMs)} ago`;
  const heard = `${who} was last heard ${when}, and its log ended with transaction ${position.ordinal} of epoch ${position.epoch}`;
  if (comparePositions(position, own) <= 0) return `${heard}: ${node} has all of that.`;
  const more = position.ordinal - own.ordinal;
  return more > 0 && position.epoch === own.epoch
    ? `${heard}: at least ${more} ${more === 1 ? 'transaction' : 'transactions'} that ${node} does not have.`
    : `${heard}: that is a newer history than that of ${node}.`;
}

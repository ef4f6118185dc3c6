import type { NodeConfig } from '../config/node-config.js';
import type { Primary } from '../election/known-primary.js';
import { memberStatus } from '../membership/status.js';
import { type Chain, currentEpoch, listInForce, newestEntry } from '../model/chain.js';
import { isWitness, type ListedMember, majorityOf, votersOf } from '../model/members.js';
import {
  type ChangeStatus,
  type ClusterStatus,
  type MemberState,
  type MemberStatus,
  type MembersDocument,
  memberRole,
} from '../model/status.js';
import type { HeartbeatBody } from '../wire/messages.js';

/** Builds the status document from the facts of this node. Pure. */

export interface SelfFacts {
  heartbeat: HeartbeatBody;
  state: MemberState;
  voter: boolean;
  witness: boolean;
  /** ISO time of the last change of `state`. */
  since: string;
}

export function ownStatus(self: SelfFacts): MemberStatus {
  const status = memberStatus({
    name: self.heartbeat.node,
    state: self.state,
    voter: self.voter,
    witness: self.witness,
    heartbeat: self.heartbeat,
    attach: null,
    lastHeartbeatMs: 0,
    since: self.since,
    reason: null,
  });
  // What a node knows of itself is not old, though its link is down.
  const { lagMs, seeding = null, load = null } = self.heartbeat;
  return { ...status, lagMs, seeding, load };
}

/** On a replica: the status that the primary last sent, with the current entry of this node. */
export function seenFromReplica(
  received: ClusterStatus | null,
  own: MemberStatus,
  fallback: ClusterStatus,
  primary: { up: boolean; silentMs: number | null; reason: string | null },
): ClusterStatus {
  const base = received ?? fallback;
  const members = base.members.map((member) => {
    if (member.name === own.name) return own;
    if (primary.up) return member;
    // The facts about other members are as old as the primary's last message.
    const lastHeartbeatMs =
      member.lastHeartbeatMs === null ? null : member.lastHeartbeatMs + (primary.silentMs ?? 0);
    if (member.name !== base.primary) return { ...member, lagMs: null, lastHeartbeatMs };
    return { ...member, state: 'gone' as const, lagMs: null, lastHeartbeatMs, reason: primary.reason };
  });
  if (!members.some((member) => member.name === own.name)) members.push(own);
  const quorum = primary.up ? base.quorum : { ...base.quorum, attached: 0 };
  return { ...base, quorum, members };
}

/** The status with the primary that the election of this node knows; null = none. */
export function ledBy(status: ClusterStatus, primary: Primary | null): ClusterStatus {
  const name = primary?.name ?? null;
  const members = status.members.map((member): MemberStatus => {
    const role = memberRole(member.name === name ? 'primary' : 'replica', member.witness === true);
    return role === member.role ? member : { ...member, role };
  });
  return { ...status, primary: name, epoch: Math.max(status.epoch, primary?.epoch ?? 0), members };
}

/** The status of a node that has received nothing from its cluster yet. It lists the members in the node's chain. */
export function bareStatus(
  config: Pick<NodeConfig, 'cluster' | 'acknowledge'>,
  { chain, primary, own }: { chain: Chain; primary: string | null; own: MemberStatus },
): ClusterStatus {
  const list = listInForce(chain);
  const voters = votersOf(list).length;
  const members = list.map((member) => (member.name === own.name ? own : unheard(member, primary)));
  return {
    cluster: config.cluster,
    epoch: currentEpoch(chain),
    primary,
    acknowledge: config.acknowledge,
    quorum: { needed: voters === 0 ? 0 : majorityOf(voters), attached: 0, voters },
    change: null,
    members: members.includes(own) ? members : [...members, own],
    warnings: [],
  };
}

function unheard(member: ListedMember, primary: string | null): MemberStatus {
  const { name, voter, http, link, mysqlRw, mysqlRo } = member;
  const status = memberStatus({
    ...{
      name,
      voter,
      witness: isWitness(member),
      state: 'joining',
      heartbeat: null,
      attach: { epoch: 0, http, link },
    },
    ...{ lastHeartbeatMs: null, since: '', reason: 'This node has not heard of it since it started.' },
  });
  const role = memberRole(name === primary ? 'primary' : 'replica', isWitness(member));
  return { ...status, role, mysqlRw, mysqlRo };
}

/** The list of members in the chain of this node. */
export function membersDocument(
  { cluster, clusterId }: { readonly cluster: string; readonly clusterId: string },
  chain: Chain,
  change: ChangeStatus | null,
): MembersDocument {
  const { epoch, number, primary, members } = newestEntry(chain) ?? {
    ...{ epoch: 0, number: 0, primary: null, members: null },
  };
  return { cluster, clusterId, epoch, number, primary, members: members ?? [], change };
}

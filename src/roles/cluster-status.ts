import type { NodeConfig } from '../config/node-config.js';
import { memberStatus } from '../membership/status.js';
import type { ClusterStatus, MemberState, MemberStatus } from '../model/status.js';
import type { HeartbeatBody } from '../wire/messages.js';

/** The status document, put together from what this node knows. Pure. */

export interface SelfFacts {
  heartbeat: HeartbeatBody;
  state: MemberState;
  voter: boolean;
  /** ISO time of the last change of `state`. */
  since: string;
}

export function ownStatus(self: SelfFacts): MemberStatus {
  const status = memberStatus({
    name: self.heartbeat.node,
    state: self.state,
    voter: self.voter,
    heartbeat: self.heartbeat,
    attach: null,
    lastHeartbeatMs: 0,
    since: self.since,
    reason: null,
  });
  return { ...status, lagMs: self.heartbeat.lagMs };
}

/** On a replica: what the primary last said, with this node's own line as it is now. */
export function seenFromReplica(
  said: ClusterStatus | null,
  own: MemberStatus,
  fallback: ClusterStatus,
  primary: { up: boolean; silentMs: number | null; reason: string | null },
): ClusterStatus {
  const base = said ?? fallback;
  const members = base.members.map((member) => {
    if (member.name === own.name) return own;
    if (primary.up) return member;
    // What it said of others is as old as its last word.
    const lastHeartbeatMs =
      member.lastHeartbeatMs === null ? null : member.lastHeartbeatMs + (primary.silentMs ?? 0);
    if (member.name !== base.primary) return { ...member, lagMs: null, lastHeartbeatMs };
    return { ...member, state: 'gone' as const, lagMs: null, lastHeartbeatMs, reason: primary.reason };
  });
  if (!members.some((member) => member.name === own.name)) members.push(own);
  const quorum = primary.up ? base.quorum : { ...base.quorum, attached: 0 };
  return { ...base, quorum, members };
}

/** What a node says of its cluster before it has heard anything of it. */
export function bareStatus(
  config: Pick<NodeConfig, 'cluster' | 'acknowledge' | 'voters'>,
  epoch: number,
  primary: string | null,
): ClusterStatus {
  return {
    cluster: config.cluster,
    epoch,
    primary,
    acknowledge: config.acknowledge,
    quorum: { needed: 1 + Math.floor(config.voters.length / 2), attached: 0 },
    members: [],
    warnings: [],
  };
}

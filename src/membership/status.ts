import { type LinkAddress, linkText } from '../model/members.js';
import { type MemberState, type MemberStatus, memberRole } from '../model/status.js';
import type { HeartbeatBody } from '../wire/messages.js';

export interface MemberFacts {
  readonly name: string;
  readonly state: MemberState;
  readonly voter: boolean;
  readonly witness: boolean;
  /** The member's last heartbeat, however old. */
  readonly heartbeat: HeartbeatBody | null;
  readonly attach: { readonly epoch: number; readonly http: string; readonly link: LinkAddress } | null;
  readonly lastHeartbeatMs: number | null;
  readonly since: string;
  readonly reason: string | null;
}

/** A member's entry of the status document, also for the primary itself from its own heartbeat. Pure. */
export function memberStatus(facts: MemberFacts): MemberStatus {
  const { heartbeat, attach } = facts;
  const heardNow = facts.state === 'live';
  // A member whose server executes nothing does not count as live, even though its node sends heartbeats.
  const ill = heardNow && heartbeat ? notRunning(heartbeat.applier) : null;
  return {
    name: facts.name,
    role: memberRole(heartbeat?.role ?? 'replica', facts.witness),
    ...(facts.witness && { witness: true }),
    state: ill?.state ?? facts.state,
    voter: facts.voter,
    epoch: heartbeat?.epoch ?? attach?.epoch ?? 0,
    http: heartbeat?.http ?? attach?.http ?? '',
    link: heartbeat?.link ?? (attach ? linkText(attach.link) : ''),
    mysqlRw: heartbeat?.mysqlRw ?? null,
    mysqlRo: heartbeat?.mysqlRo ?? null,
    mysqlConnections: heardNow ? (heartbeat?.mysqlConnections ?? null) : null,
    pid: heartbeat?.pid ?? null,
    server: heartbeat?.server ?? { flavour: null, version: null, pid: null, up: false },
    positions: heartbeat?.positions ?? { received: 0, durable: 0, committed: 0, applied: 0 },
    // Of a silent member, the last measured lag would look too good.
    lagMs: heardNow ? (heartbeat?.lagMs ?? null) : null,
    lastHeartbeatMs: facts.lastHeartbeatMs,
    since: ill?.since ?? facts.since,
    log: heartbeat?.log ?? null,
    load: heardNow ? (heartbeat?.load ?? null) : null,
    seeding: heardNow ? (heartbeat?.seeding ?? null) : null,
    ...(heartbeat?.maintenance !== undefined && { maintenance: heartbeat.maintenance }),
    reason: facts.reason ?? heartbeat?.reason ?? null,
  };
}

function notRunning({
  state,
  since,
}: HeartbeatBody['applier']): { state: MemberState; since: string } | null {
  return state === 'running' ? null : { state, since };
}

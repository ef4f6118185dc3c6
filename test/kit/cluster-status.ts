import type { ClusterStatus, Member } from '../../client/src/index.js';

/** A member as a healthy cluster of three tells it, for tests of what is shown. */
export function memberFor(name: string, more: Partial<Member> = {}): Member {
  return {
    name,
    role: 'replica',
    state: 'live',
    voter: true,
    epoch: 3,
    http: `http://127.0.0.1:${8080 + Number(name.slice(1))}`,
    link: '',
    mysqlRw: null,
    mysqlRo: null,
    mysqlConnections: null,
    pid: 1,
    server: { flavour: 'mariadb', version: '10.11.6-MariaDB-log', pid: 2, up: true },
    positions: { received: 100, durable: 100, committed: 100, applied: 100 },
    lagMs: 0,
    lastHeartbeatMs: 10,
    since: '2026-11-28T10:00:00.000Z',
    reason: null,
    ...more,
  } as Member;
}

export function statusFor(more: Partial<ClusterStatus> = {}): ClusterStatus {
  const members = [memberFor('n1', { role: 'primary' }), memberFor('n2'), memberFor('n3')];
  return {
    cluster: 'demo',
    epoch: 3,
    primary: 'n1',
    acknowledge: 'majority',
    quorum: { needed: 2, attached: 3, voters: 3 },
    change: null,
    members,
    failover: null,
    warnings: [],
    ...more,
  };
}

import { expect, it } from 'vitest';
import type { ClusterStatus, MemberStatus } from '../model/status.js';
import { statusText } from './status-text.js';

const now = Date.parse('2026-01-02T03:04:05Z');

const member = (name: string, change: Partial<MemberStatus>): MemberStatus => ({
  name,
  role: 'replica',
  state: 'live',
  voter: true,
  epoch: 1,
  http: 'http://127.0.0.1:8084',
  link: '127.0.0.1:7084',
  mysqlRw: null,
  mysqlRo: null,
  mysqlConnections: null,
  pid: 1,
  server: { flavour: 'mariadb', version: '10.11.6-MariaDB-log', pid: 2, up: true },
  positions: { received: 42, durable: 42, committed: 41, applied: 40 },
  lagMs: 3,
  lastHeartbeatMs: 100,
  since: '2026-01-02T03:00:00Z',
  reason: null,
  ...change,
});

const status: ClusterStatus = {
  cluster: 'demo',
  epoch: 1,
  primary: 'n1',
  acknowledge: 'majority',
  quorum: { needed: 2, attached: 2, voters: 3 },
  change: null,
  members: [
    member('n1', { role: 'primary', http: 'http://127.0.0.1:8083', lagMs: 0 }),
    member('n2', {}),
    member('n3', {
      state: 'late',
      lagMs: null,
      server: { flavour: null, version: null, pid: null, up: false },
      reason: 'its last heartbeat is 3 s old',
    }),
  ],
  warnings: [],
};

it('shows that a witness has no server, and executes nothing', () => {
  const none = { flavour: null, version: null, pid: null, up: false };
  const w3 = member('w3', {
    ...{ role: 'witness' as const, witness: true, lagMs: null, server: none },
    positions: { received: 42, durable: 42, committed: 41, applied: 0 },
  });
  const text = statusText({ ...status, members: [...status.members.slice(0, 2), w3] }, now);
  expect(
    text
      .split('\n')
      .find((line) => line.startsWith('w3'))
      ?.split(/ {2,}/),
  ).toEqual([
    ...['w3', 'witness', 'live', '-', '42', '42', '41', '-', 'none', 'http://127.0.0.1:8084', '4 min 5 s'],
  ]);
});

it('is understood at a glance', () => {
  expect(statusText(status, now)).toBe(
    `cluster demo · epoch 1 · primary n1 · acknowledge majority · quorum yes (2 attached, 2 needed)

NODE  ROLE     STATE   LAG  RECEIVED  DURABLE  COMMITTED  APPLIED  SERVER              HTTP                       SINCE
n1    primary  live   0 ms        42       42         41       40  mariadb 10.11.6 up  http://127.0.0.1:8083  4 min 5 s
n2    replica  live   3 ms        42       42         41       40  mariadb 10.11.6 up  http://127.0.0.1:8084  4 min 5 s
n3    replica  late      ?        42       42         41       40  server DOWN         http://127.0.0.1:8084  4 min 5 s

n3: its last heartbeat is 3 s old
`,
  );
});

it('says loudly that there is no quorum', () => {
  expect(
    statusText({ ...status, primary: null, quorum: { needed: 2, attached: 1, voters: 3 } }, now),
  ).toContain('primary none · acknowledge majority · NO QUORUM (1 attached, 2 needed): writes wait');
});

it('says what in the schema endangers the cluster', () => {
  expect(statusText({ ...status, warnings: ['No primary key: demo.a.'] }, now)).toContain(
    'n3: its last heartbeat is 3 s old\nwarning: No primary key: demo.a.\n',
  );
});

it('names a learner, and a change of the members with what it waits for', () => {
  const change = {
    kind: 'add',
    member: 'n4',
    since: '2026-01-02T03:04:00Z',
    waitsFor: '1 of 2 voters have it',
  } as const;
  const text = statusText({ ...status, members: [member('n4', { voter: false })], change }, now);
  expect(text).toMatch(/^n4 +learner +live /m);
  const witness = member('w4', { role: 'witness', witness: true, voter: false });
  expect(statusText({ ...status, members: [witness] }, now)).toMatch(/^w4 +learner +live /m);
  expect(text).toContain('members: add n4 since 2026-01-02T03:04:00Z: 1 of 2 voters have it\n');
});

it('does not know since when a member is in a state that nobody has told', () => {
  const text = statusText({ ...status, members: [member('n4', { state: 'joining', since: '' })] }, now);
  expect(text).toMatch(/^n4 .* \?$/m);
});

const failover = {
  elected: 'n2',
  afterDeathMs: 250,
  afterSilenceMs: 1_500,
  against: ['n3 was not heard for 3 s.'],
  last: null,
};

it('says who would replace the primary, how soon, and what stands against it', () => {
  expect(statusText({ ...status, failover }, now)).toContain(
    `
failover: n2 would replace n1, within about 250 ms of its death, and 1.5 s of its silence
  n3 was not heard for 3 s.
`,
  );
  const last = {
    ...{ epoch: 3, primary: 'n1', primaryBefore: 'n3', detectedHow: 'silence', pauseMs: 900 },
    ...{ servedAt: '2026-01-02T02:00:00.000Z', reason: 'n3 was not heard. Votes: n2 yes.' },
  };
  expect(statusText({ ...status, failover: { ...failover, elected: null, last } }, now)).toContain(
    `
failover: NOBODY would replace n1 now
  n3 was not heard for 3 s.
last failover, 2026-01-02T02:00:00.000Z: n3 was not heard. Votes: n2 yes.
`,
  );
});

it('says without a primary what is waited for', () => {
  const against = ['2 of the 3 voters have to elect a primary, and only 1 would vote (n2).'];
  const text = statusText(
    { ...status, primary: null, failover: { ...failover, elected: null, against } },
    now,
  );
  expect(text).toContain(`\nno primary: nobody can be elected now\n  ${against[0]}\n`);
});

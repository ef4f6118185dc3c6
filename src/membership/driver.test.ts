import { expect, test } from 'vitest';
import { heartbeatBody } from '../../test/kit/link.js';
import { Emitter } from '../std/emitter.js';
import { silentLogger } from '../std/logger.js';
import type { HeartbeatBody } from '../wire/messages.js';
import { type MemberChange, type MemberSession, Membership } from './driver.js';

class Session implements MemberSession {
  readonly attach = { epoch: 1, http: 'http://h:1', link: { host: 'h', port: 2 } };
  readonly onHeartbeat = new Emitter<HeartbeatBody>();
  readonly onClosed = new Emitter<string>();
  readonly node: string;
  closes: string[] = [];
  constructor(node: string) {
    this.node = node;
  }
  close(reason: string): void {
    this.closes.push(reason);
    this.onClosed.emit(reason);
  }
}

function setUp() {
  let nowMs = 1000;
  const membership = new Membership(
    { isVoter: (name) => name === 'n2', isWitness: () => false },
    { logger: silentLogger, clock: { monotonicMs: () => nowMs, wallMs: () => 1_800_000_000_000 + nowMs } },
  );
  membership.setMembers(['n2', 'n3']);
  const changes: string[] = [];
  membership.onChange.on((change: MemberChange) =>
    changes.push(`${change.member} ${change.from}>${change.to}`),
  );
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= 250) {
      nowMs += Math.min(250, left);
      membership.tick();
    }
  };
  return { membership, changes, pass };
}

test('a member is joining, live, late and gone, and joins again', () => {
  const { membership, changes, pass } = setUp();
  const first = new Session('n2');
  membership.attach(first);
  first.onHeartbeat.emit(heartbeatBody('n2', 'replica'));
  expect(membership.state('n2')).toBe('live');
  pass(1500);
  expect(membership.state('n2')).toBe('late');
  expect(first.closes).toEqual([]);
  pass(8500);
  expect(membership.state('n2')).toBe('gone');
  expect(first.closes).toHaveLength(1);

  const second = new Session('n2');
  membership.attach(second);
  // Heartbeats of the old session are ignored.
  first.onHeartbeat.emit(heartbeatBody('n2', 'replica'));
  expect(membership.state('n2')).toBe('joining');
  second.onHeartbeat.emit(heartbeatBody('n2', 'replica'));
  expect(changes.filter((change) => change.startsWith('n2'))).toEqual([
    'n2 joining>live',
    'n2 live>late',
    'n2 late>gone',
    'n2 gone>joining',
    'n2 joining>live',
  ]);
  // n3 never connected.
  expect(changes).toContain('n3 joining>gone');
});

test('a broken link makes a member late at once, with the reason', () => {
  const { membership } = setUp();
  const session = new Session('n2');
  membership.attach(session);
  session.onHeartbeat.emit(heartbeatBody('n2', 'replica'));
  session.onClosed.emit('reset by peer');
  const [member] = membership.list();
  expect(member).toMatchObject({ name: 'n2', state: 'late', lagMs: null });
  expect(member?.reason).toContain('reset by peer');
});

test('the list has the last heartbeat, the voters, and the time of the last change', () => {
  const { membership, pass } = setUp();
  const session = new Session('n2');
  membership.attach(session);
  const positions = { received: 9, durable: 8, committed: 7, applied: 6 };
  session.onHeartbeat.emit({
    ...heartbeatBody('n2', 'replica'),
    positions,
    lagMs: 12,
    reason: 'disk is slow',
  });
  pass(300);
  expect(membership.list()).toMatchObject([
    {
      name: 'n2',
      state: 'live',
      voter: true,
      positions,
      lagMs: 12,
      lastHeartbeatMs: 300,
      reason: 'disk is slow',
    },
    { name: 'n3', state: 'joining', voter: false, lastHeartbeatMs: null, server: { up: false } },
  ]);
  expect(membership.list()[0]?.since).toBe(new Date(1_800_000_001_000).toISOString());
});

test('a removed member is forgotten and its session closed; an added member is expected to connect', () => {
  const { membership, changes } = setUp();
  const session = new Session('n2');
  membership.attach(session);
  membership.setMembers(['n3', 'n4']);
  expect(session.closes).toHaveLength(1);
  expect(membership.list().map(({ name }) => name)).toEqual(['n3', 'n4']);
  expect(membership.state('n2')).toBeNull();
  expect(changes).toContain('n4 null>joining');
  // Heartbeats of the old session are ignored.
  session.onHeartbeat.emit(heartbeatBody('n2', 'replica'));
  expect(membership.state('n2')).toBeNull();
});

import { describe, expect, it } from 'vitest';
import { memberFor, statusFor } from '../../../test/kit/cluster-status.js';
import { CARD, layoutOf } from './layout.js';
import { faceOf, linksOf, pictureText, placesOf, rateOf } from './topology.js';

const lead = (primary: string | null, names = ['n1', 'n2', 'n3']) =>
  statusFor({
    primary,
    members: names.map((name) => memberFor(name, { role: name === primary ? 'primary' : 'replica' })),
  });

describe('the places of the picture', () => {
  it('begin with the primary, the others by name', () => {
    expect(placesOf([], lead('n2'))).toEqual(['n2', 'n1', 'n3']);
    expect(placesOf([], lead(null, ['n3', 'n1']))).toEqual(['n1', 'n3']);
  });

  it('a new primary changes places with the one before, and nobody else moves', () => {
    expect(placesOf(['n1', 'n2', 'n3'], lead('n3'))).toEqual(['n3', 'n2', 'n1']);
  });

  it('stay while nobody leads', () => {
    expect(placesOf(['n2', 'n1', 'n3'], lead(null))).toEqual(['n2', 'n1', 'n3']);
  });

  it('have new members at the end, and removed ones no more', () => {
    expect(placesOf(['n2', 'n1', 'n3'], lead('n2', ['n5', 'n1', 'n2', 'n4']))).toEqual([
      'n2',
      'n1',
      'n4',
      'n5',
    ]);
  });
});

describe('the layout', () => {
  it.each([
    [1400, 3],
    [1400, 9],
    [860, 5],
    [560, 4],
    [340, 3],
    [340, 7],
    [800, 1],
  ])('at %i px has %i cards that neither overlap nor leave the picture', (width, members) => {
    const { places, ways, height } = layoutOf(width, members);
    expect([places.length, ways.length]).toEqual([members, members - 1]);
    for (const [at, place] of places.entries()) {
      expect(place.x).toBeGreaterThanOrEqual(0);
      expect(place.x + place.width).toBeLessThanOrEqual(width);
      expect(place.y + CARD.height).toBeLessThanOrEqual(height);
      for (const other of places.slice(at + 1)) {
        const apart =
          Math.abs(place.y - other.y) >= CARD.height ||
          place.x + place.width <= other.x ||
          other.x + other.width <= place.x;
        expect(apart).toBe(true);
      }
    }
  });

  it('of nobody is empty', () => {
    expect(layoutOf(800, 0)).toMatchObject({ places: [], ways: [] });
  });
});

describe('a link', () => {
  const later = (applied: number, more = {}) =>
    statusFor({
      members: [
        memberFor('n1', {
          role: 'primary',
          positions: { received: 130, durable: 130, committed: 130, applied: 130 },
        }),
        memberFor('n2', {
          positions: { received: 130, durable: 130, committed: 120, applied },
          lagMs: 42,
          ...more,
        }),
      ],
    });

  it('says how far behind the replica is, in time and transactions', () => {
    expect(linksOf(later(120), null)).toEqual([
      { to: 'n2', kind: 'idle', tone: 'good', lag: '42 ms', behind: '10 behind' },
    ]);
    expect(linksOf(later(130), null)[0]).toMatchObject({ behind: 'level' });
  });

  it('flows when something went over it since the look before', () => {
    expect(linksOf(later(120), statusFor())[0]?.kind).toBe('flowing');
    expect(linksOf(later(120), later(110))[0]?.kind).toBe('idle');
  });

  it('is broken to a node that is late or gone, and without a primary', () => {
    expect(linksOf(later(120, { state: 'gone' }), null)[0]).toMatchObject({ kind: 'broken', lag: 'no link' });
    expect(linksOf(later(120, { state: 'late' }), null)[0]).toMatchObject({ kind: 'broken' });
    const none = { ...later(120), primary: null };
    expect(linksOf(none, null).map(({ lag }) => lag)).toEqual(['no primary', 'no primary']);
  });

  it('of a witness counts what is on its disk', () => {
    const link = linksOf(later(0, { witness: true, role: 'witness' }), null)[0];
    expect(link).toMatchObject({ lag: '', behind: 'level' });
  });
});

describe('a face', () => {
  const now = Date.parse('2026-11-28T10:04:30.000Z');

  it('says role, state, server, position and epoch', () => {
    expect(faceOf(memberFor('n2'), 'n1', now)).toMatchObject({
      role: 'replica',
      stateText: 'live for 4 min',
      server: 'MariaDB 10.11.6',
      serverDown: false,
      position: '100 applied',
      epoch: 'epoch 3',
      isSelf: false,
    });
  });

  it('tells a learner and a witness from a replica', () => {
    expect(faceOf(memberFor('n2', { voter: false }), 'n1', now).role).toBe('learner');
    expect(faceOf(memberFor('n3', { role: 'witness', witness: true }), 'n1', now)).toMatchObject({
      role: 'witness',
      server: 'keeps the log and votes',
      position: '100 durable',
      serverDown: false,
    });
  });
});

it('the rate is known between two looks at the same primary, and not after a failover', () => {
  const more = statusFor({
    members: [
      memberFor('n1', {
        role: 'primary',
        positions: { received: 150, durable: 150, committed: 150, applied: 150 },
      }),
    ],
  });
  expect(rateOf(more, { status: statusFor(), atMs: 1000 }, 1500)).toBe(100);
  expect(rateOf(more, null, 1500)).toBe(null);
  expect(rateOf(lead(null), { status: statusFor(), atMs: 1000 }, 1500)).toBe(null);
  expect(rateOf(statusFor(), { status: more, atMs: 1000 }, 1500)).toBe(null);
});

it('the picture has words', () => {
  expect(pictureText(statusFor())).toBe(
    'n1 is the primary of 3 members. n2, replica, live; n3, replica, live',
  );
  expect(pictureText(lead(null, ['n1']))).toBe('There is no primary of 1 member. n1, replica, live');
});

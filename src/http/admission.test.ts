import { describe, expect, it } from 'vitest';
import { admit, type ConnectionFacts, isOver } from './admission.js';

const LIMITS = { connectionsMax: 4, connectionsPerAddressMax: 3 };

function connection(name: string, facts: Partial<ConnectionFacts> = {}) {
  return { name, address: 'a', known: false, requests: 0, quietSinceMs: 0, ...facts };
}

describe('a new connection', () => {
  it('is let in while there is room', () => {
    expect(admit('a', [], LIMITS)).toEqual({ admit: true, drop: null });
    const others = [connection('1'), connection('2'), connection('3', { address: 'b' })];
    expect(admit('a', others, LIMITS)).toEqual({ admit: true, drop: null });
  });

  it('takes the place of the quietest stranger of its own address when that has too many', () => {
    const open = [
      connection('older, elsewhere', { address: 'b', quietSinceMs: 1 }),
      connection('newer', { quietSinceMs: 5 }),
      connection('oldest', { quietSinceMs: 2 }),
      connection('known', { known: true, quietSinceMs: 1 }),
    ];
    expect(admit('a', open, { ...LIMITS, connectionsMax: 9 })).toMatchObject({ drop: { name: 'oldest' } });
  });

  it('takes the place of the quietest stranger of all when the node is full', () => {
    const open = [
      connection('1', { address: 'b', quietSinceMs: 3 }),
      connection('2', { address: 'b', quietSinceMs: 2, requests: 1 }),
      connection('3', { address: 'c', quietSinceMs: 1, known: true }),
      connection('4', { address: 'd', quietSinceMs: 4 }),
    ];
    expect(admit('a', open, LIMITS)).toMatchObject({ admit: true, drop: { name: '1' } });
  });

  it('is refused where only known or busy ones could make room, and hears of which limit', () => {
    const known = ['1', '2', '3', '4'].map((name) => connection(name, { address: name, known: true }));
    expect(admit('a', known, LIMITS)).toEqual({ admit: false, limit: 'httpConnectionsMax' });
    const busy = ['1', '2', '3'].map((name) => connection(name, { requests: 1 }));
    expect(admit('a', busy, LIMITS)).toEqual({ admit: false, limit: 'httpConnectionsPerAddressMax' });
    expect(admit('b', busy, LIMITS)).toEqual({ admit: true, drop: null });
  });
});

it.each([
  [{}, false],
  [{ halfClosedSinceMs: 0 }, true],
  [{ halfClosedSinceMs: 9500 }, false],
  [{ halfClosedSinceMs: 0, requests: 1 }, false],
  [{ halfClosedSinceMs: 0, unsentBytes: 1 }, false],
])('a connection %j is over: %s', (facts, over) => {
  const rest = { halfClosedSinceMs: null, requests: 0, unsentBytes: 0, ...facts };
  expect(isOver(rest, 10_000, 1000)).toBe(over);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AcknowledgeLevel } from '../model/status.js';
import { Quorum } from './quorum.js';

const make = (replicas: number, level: AcknowledgeLevel = 'majority') =>
  new Quorum({ self: 'p', voters: ['p', ...Array.from({ length: replicas }, (_, i) => `r${i}`)], level });

describe('the quorum', () => {
  it.each([
    [0, 0],
    [1, 1],
    [2, 1],
    [3, 2],
    [4, 2],
  ])('of a primary and %i replicas needs %i of them', (replicas, needed) => {
    expect(make(replicas).replicasNeeded).toBe(needed);
  });

  it('answers a lone primary at once', () => {
    const quorum = make(0);
    quorum.setReceived(5);
    expect(quorum.answered).toBe(5);
  });

  it('commits with the majority, and answers with all where all is asked for', () => {
    const quorum = make(2, 'all');
    quorum.setReceived(10);
    quorum.setDurable('r0', 7);
    expect([quorum.committed, quorum.answered]).toEqual([7, 0]);
    quorum.setDurable('r1', 4);
    expect([quorum.committed, quorum.answered]).toEqual([7, 4]);
    expect(quorum.holders(5)).toEqual(['r0']);
  });

  it('lets replicas show what is committed, and with all not before the client may be answered', () => {
    for (const [level, released] of [
      ['majority', 7],
      ['all', 4],
      ['async', 7],
    ] as const) {
      const quorum = make(2, level);
      quorum.setReceived(10);
      quorum.setDurable('r0', 7);
      quorum.setDurable('r1', 4);
      expect(quorum.released, level).toBe(released);
    }
  });

  it('answers at once where that was asked for, and calls committed what it always was', () => {
    const quorum = make(2, 'async');
    quorum.setReceived(10);
    expect([quorum.committed, quorum.answered]).toEqual([0, 10]);
  });

  it('does not count who is no voter', () => {
    const quorum = make(2);
    quorum.setDurable('stranger', 100);
    expect(quorum.committed).toBe(0);
  });

  it('needs one more while the primary may lose what it wrote (M9)', () => {
    const quorum = make(2);
    quorum.setSelfCounts(false);
    quorum.setDurable('r0', 5);
    expect(quorum.committed).toBe(0);
    quorum.setDurable('r1', 3);
    expect(quorum.committed).toBe(3);
    expect(quorum.setSelfCounts(false), 'nothing new').toBe(false);
    expect(quorum.setSelfCounts(true)).toBe(true);
    expect(quorum.committed, 'at once, without another word of a replica').toBe(5);
  });

  it('takes nothing back when a replica lost its disk, and counts it from where it is now', () => {
    const quorum = make(2);
    quorum.setDurable('r0', 9);
    quorum.setDurable('r0', 0);
    expect(quorum.committed).toBe(9);
    expect(quorum.holders(1)).toEqual([]);
    quorum.setDurable('r0', 5);
    expect(quorum.committed).toBe(9);
  });

  it('is always durable at a majority, the primary included', () => {
    const ack = fc.record({ who: fc.nat(5), ordinal: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(ack, { maxLength: 40 }), (replicas, acks) => {
        const quorum = make(replicas);
        const best = new Map<string, number>();
        for (const { who, ordinal } of acks) {
          const name = `r${who}`;
          best.set(name, Math.max(ordinal, best.get(name) ?? 0));
          quorum.setDurable(name, best.get(name) ?? 0);
          const holders = quorum.holders(quorum.committed).length + 1;
          expect(quorum.committed === 0 || holders * 2 > replicas + 1).toBe(true);
        }
      }),
    );
  });
});

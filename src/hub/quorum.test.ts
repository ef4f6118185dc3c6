import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AcknowledgeLevel } from '../model/status.js';
import { Quorum } from './quorum.js';

const make = (replicas: number, level: AcknowledgeLevel = 'majority') =>
  new Quorum({ self: 'p', lists: [votersOf(replicas)], level });
const votersOf = (replicas: number) => ['p', ...Array.from({ length: replicas }, (_, i) => `r${i}`)];
const holders = ({ others, durable }: Quorum, ordinal: number) =>
  others.filter((_, i) => (durable[i] ?? 0) >= ordinal);

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
    expect(holders(quorum, 5)).toEqual(['r0']);
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
    expect(holders(quorum, 1)).toEqual([]);
    quorum.setDurable('r0', 5);
    expect(quorum.committed).toBe(9);
  });

  it('counts by the stricter of two lists, and by the newer alone afterwards (rule C11)', () => {
    const quorum = new Quorum({ self: 'p', lists: [['p']], level: 'majority' });
    quorum.setReceived(5);
    expect(quorum.committed).toBe(5);
    quorum.setDurable('r0', 5);
    quorum.setLists([['p', 'r0'], ['p']]);
    quorum.setReceived(9);
    expect([quorum.committed, quorum.replicasNeeded]).toEqual([5, 1]);
    quorum.setDurable('r0', 7);
    expect(quorum.committed).toBe(7);
    // From two to one: the old list still needs both.
    quorum.setLists([['p'], ['p', 'r0']]);
    expect([quorum.committed, quorum.missingToAnswer(new Set())]).toEqual([7, 1]);
    quorum.setLists([['p']]);
    expect([quorum.committed, quorum.missingToAnswer(new Set())]).toEqual([9, 0]);
  });

  it('counts a learner from the moment that it is a voter, with what it has', () => {
    const quorum = make(1);
    quorum.setReceived(9);
    quorum.setDurable('r1', 9);
    expect([quorum.committed, quorum.others]).toEqual([0, ['r0']]);
    quorum.setLists([votersOf(2), votersOf(1)]);
    expect(quorum.committed, 'the old list does not have it').toBe(0);
    quorum.setLists([votersOf(2)]);
    expect([quorum.committed, quorum.others, quorum.durable]).toEqual([9, ['r0', 'r1'], [0, 9]]);
  });

  it('says how many are missing, and who is a majority, of the stricter list', () => {
    const quorum = new Quorum({ self: 'p', lists: [votersOf(4), votersOf(3)], level: 'majority' });
    const set = (...names: string[]) => new Set(names);
    expect([quorum.replicasNeeded, quorum.missingToAnswer(set())]).toEqual([2, 2]);
    // r3 is no voter of the old list.
    expect([quorum.missingToAnswer(set('r0', 'r3')), quorum.isMajority(set('r0', 'r3'))]).toEqual([1, false]);
    expect(quorum.isMajority(set('r0', 'r1'))).toBe(true);
  });

  it('commits, while lists change one voter at a time, only what is on a majority of each list that counts', () => {
    const step = fc.record({
      kind: fc.constantFrom('ack' as const, 'grow' as const, 'shrink' as const, 'settle' as const),
      who: fc.nat(5),
      ordinal: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let lists = [votersOf(1)];
        const quorum = new Quorum({ self: 'p', lists, level: 'majority' });
        quorum.setReceived(100);
        const durable = new Map<string, number>();
        for (const { kind, who, ordinal } of steps) {
          const [current = []] = lists;
          const before = quorum.committed;
          if (kind === 'ack') {
            const name = `r${who}`;
            durable.set(name, Math.max(ordinal, durable.get(name) ?? 0));
            quorum.setDurable(name, durable.get(name) ?? 0);
          } else if (kind === 'settle') lists = [current];
          else if (lists.length === 1 && kind === 'grow' && current.length < 6)
            lists = [votersOf(current.length), current];
          else if (lists.length === 1 && kind === 'shrink' && current.length > 1)
            lists = [current.slice(0, -1), current];
          quorum.setLists(lists);
          expect(quorum.committed).toBeGreaterThanOrEqual(before);
          if (quorum.committed === before) continue;
          for (const voters of lists) {
            const holding = voters.filter(
              (name) => name === 'p' || (durable.get(name) ?? 0) >= quorum.committed,
            );
            expect(holding.length * 2).toBeGreaterThan(voters.length);
          }
        }
      }),
    );
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
          const holding = holders(quorum, quorum.committed).length + 1;
          expect(quorum.committed === 0 || holding * 2 > replicas + 1).toBe(true);
        }
      }),
    );
  });
});

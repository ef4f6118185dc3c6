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

  it('answers at once when the primary is the only voter', () => {
    const quorum = make(0);
    quorum.setReceived(5);
    quorum.setOwnDurable(5);
    expect(quorum.answered).toBe(5);
  });

  it('commits with a majority, and with level all answers only when all voters have the group', () => {
    const quorum = make(2, 'all');
    quorum.setReceived(10);
    quorum.setOwnDurable(10);
    quorum.setDurable('r0', 7);
    expect([quorum.committed, quorum.answered]).toEqual([7, 0]);
    quorum.setDurable('r1', 4);
    expect([quorum.committed, quorum.answered]).toEqual([7, 4]);
    expect(holders(quorum, 5)).toEqual(['r0']);
  });

  it('releases committed groups to replicas, and with level all not before the client may be answered', () => {
    for (const [level, released] of [
      ['majority', 7],
      ['all', 4],
      ['async', 7],
    ] as const) {
      const quorum = make(2, level);
      quorum.setReceived(10);
      quorum.setOwnDurable(10);
      quorum.setDurable('r0', 7);
      quorum.setDurable('r1', 4);
      expect(quorum.released, level).toBe(released);
    }
  });

  it('answers at once with level async, and still commits with a majority only', () => {
    const quorum = make(2, 'async');
    quorum.setReceived(10);
    quorum.setOwnDurable(10);
    expect([quorum.committed, quorum.answered]).toEqual([0, 10]);
  });

  it('opens a primary with a majority, also with level all: only its writes wait for a voter that is away (rule M5)', () => {
    const quorum = make(2, 'all');
    quorum.setReceived(10);
    quorum.setOwnDurable(10);
    quorum.setDurable('r0', 10);
    const there = new Set(['r0']);
    expect([quorum.missingToOpen(there), quorum.missingToAnswer(there)]).toEqual([0, 1]);
    expect([quorum.openable, quorum.answered]).toEqual([10, 0]);
    expect(quorum.missingToOpen(new Set())).toBe(1);
  });

  it('keeps nobody waiting for what was committed before the epoch of this primary, with level all either', () => {
    const quorum = make(2, 'all');
    quorum.setReceived(10);
    quorum.settle(10);
    expect([quorum.committed, quorum.answered, quorum.released]).toEqual([10, 10, 10]);
    quorum.setReceived(12);
    quorum.setOwnDurable(12);
    quorum.setDurable('r0', 12);
    expect([quorum.committed, quorum.answered, quorum.released]).toEqual([12, 10, 10]);
  });

  it('does not count a member that is no voter', () => {
    const quorum = make(2);
    quorum.setDurable('stranger', 100);
    expect(quorum.committed).toBe(0);
  });

  it("counts the primary's own spool like any other: two replicas can be faster", () => {
    const quorum = make(2);
    quorum.setReceived(5);
    quorum.setDurable('r0', 5);
    expect(quorum.committed, 'one of three has it').toBe(0);
    quorum.setDurable('r1', 3);
    expect(quorum.committed).toBe(3);
    quorum.setOwnDurable(4);
    expect(quorum.committed).toBe(4);
    expect(make(0).committed).toBe(0);
  });

  it('tells which replica commits wait for, also while the disk of the primary is the slower one', () => {
    const quorum = make(4);
    quorum.setReceived(9);
    quorum.setDurable('r0', 9);
    expect(quorum.replicated, 'two of four replicas are needed').toBe(0);
    quorum.setDurable('r1', 7);
    expect([quorum.replicated, quorum.committed]).toEqual([7, 0]);
    quorum.setOwnDurable(7);
    expect([quorum.replicated, quorum.committed]).toEqual([7, 7]);
  });

  it('answers with all only what the primary has too', () => {
    const quorum = make(1, 'all');
    quorum.setReceived(5);
    quorum.setDurable('r0', 5);
    expect(quorum.answered).toBe(0);
    quorum.setOwnDurable(4);
    expect(quorum.answered).toBe(4);
  });

  it('keeps committed groups when a replica lost its disk, and counts that replica from its new position', () => {
    const quorum = make(2);
    quorum.setOwnDurable(9);
    quorum.setDurable('r0', 9);
    quorum.setDurable('r0', 0);
    expect(quorum.committed).toBe(9);
    expect(holders(quorum, 1)).toEqual([]);
    quorum.setDurable('r0', 5);
    expect(quorum.committed).toBe(9);
  });

  it('keeps what was committed in an earlier epoch, and counts anew who has it (rules E12, H9)', () => {
    for (const level of ['majority', 'all'] as const) {
      const quorum = new Quorum({ self: 'p', lists: [votersOf(2)], level, known: 8 });
      quorum.setReceived(10);
      quorum.setOwnDurable(10);
      expect([quorum.committed, quorum.released, quorum.answered], level).toEqual([8, 8, 0]);
      quorum.setDurable('r0', 5);
      quorum.setDurable('r1', 5);
      expect([quorum.committed, quorum.released, quorum.answered], level).toEqual([8, 8, 5]);
      quorum.setDurable('r0', 9);
      quorum.setDurable('r1', 9);
      expect([quorum.committed, quorum.released, quorum.answered], level).toEqual([9, 9, 9]);
    }
  });

  it('learns from a replica what an earlier primary has told it, within its own log', () => {
    const quorum = make(2);
    quorum.setReceived(10);
    quorum.setOwnDurable(10);
    expect([quorum.learn(7), quorum.learn(7), quorum.learn(3)]).toEqual([true, false, false]);
    expect([quorum.committed, quorum.answered]).toEqual([7, 0]);
    expect([quorum.learn(12), quorum.committed]).toEqual([true, 10]);
  });

  it('counts by the stricter of two lists, and by the newer alone afterwards (rule C11)', () => {
    const quorum = new Quorum({ self: 'p', lists: [['p']], level: 'majority' });
    quorum.setReceived(5);
    quorum.setOwnDurable(5);
    expect(quorum.committed).toBe(5);
    quorum.setDurable('r0', 5);
    quorum.setLists([['p', 'r0'], ['p']]);
    quorum.setReceived(9);
    quorum.setOwnDurable(9);
    expect([quorum.committed, quorum.replicasNeeded]).toEqual([5, 1]);
    quorum.setDurable('r0', 7);
    expect(quorum.committed).toBe(7);
    // From two voters to one: the old list still needs both.
    quorum.setLists([['p'], ['p', 'r0']]);
    expect([quorum.committed, quorum.missingToAnswer(new Set())]).toEqual([7, 1]);
    quorum.setLists([['p']]);
    expect([quorum.committed, quorum.missingToAnswer(new Set())]).toEqual([9, 0]);
  });

  it('counts a learner as soon as it is a voter, with the log that it already has', () => {
    const quorum = make(1);
    quorum.setReceived(9);
    quorum.setOwnDurable(9);
    quorum.setDurable('r1', 9);
    expect([quorum.committed, quorum.others]).toEqual([0, ['r0']]);
    quorum.setLists([votersOf(2), votersOf(1)]);
    expect(quorum.committed, 'the old list does not have it').toBe(0);
    quorum.setLists([votersOf(2)]);
    expect([quorum.committed, quorum.others, quorum.durable]).toEqual([9, ['r0', 'r1'], [0, 9]]);
  });

  it('counts missing replicas, and decides on a majority, by the stricter list', () => {
    const quorum = new Quorum({ self: 'p', lists: [votersOf(4), votersOf(3)], level: 'majority' });
    const set = (...names: string[]) => new Set(names);
    expect([quorum.replicasNeeded, quorum.missingToAnswer(set())]).toEqual([2, 2]);
    // r3 is no voter of the old list.
    expect([quorum.missingToAnswer(set('r0', 'r3')), quorum.isMajority(set('r0', 'r3'))]).toEqual([1, false]);
    expect(quorum.isMajority(set('r0', 'r1'))).toBe(true);
  });

  it('commits only groups on a majority of each counting list, while lists change by one voter at a time', () => {
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
        quorum.setOwnDurable(100);
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

  it('commits only groups that a majority has durable, the primary included', () => {
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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  changeBetween,
  changeMembers,
  isMajorityOfAll,
  type ListedMember,
  MEMBERS_MAX,
  type MemberChange,
  type MemberList,
  type MemberPlace,
  votersOf,
} from './members.js';

const place = (name: string, host = name): MemberPlace => ({
  name,
  link: { host, port: 7083 },
  http: `http://${host}:8083`,
  mysqlRw: `${host}:6446`,
  mysqlRo: null,
});
const voter = (name: string, incarnation = `${name}-disk`): ListedMember => ({
  ...place(name),
  incarnation,
  voter: true,
});
const learner = (name: string, incarnation = ''): ListedMember => ({
  ...place(name),
  incarnation,
  voter: false,
});
const text = (list: MemberList) =>
  list.map(({ name, voter, incarnation }) => `${name}${voter ? '' : '?'}:${incarnation}`).join(' ');

const ONE = [voter('n1')];
const TWO = [voter('n1'), voter('n2')];
const THREE = [...TWO, voter('n3')];
const WITH_WITNESS = [...TWO, { ...voter('w3'), witness: true }];
const WITH_LEARNER = [...TWO, learner('n3')];
const FULL = Array.from({ length: MEMBERS_MAX }, (_, i) => voter(`n${i + 1}`));

/** A list whose primary is n1, a change -> the next list, or the refusal. */
const TABLE: [what: string, list: MemberList, change: MemberChange, expected: string][] = [
  ['a first replica', ONE, { kind: 'add', member: place('n2') }, 'n1:n1-disk n2?:'],
  ['a name that is taken', TWO, { kind: 'add', member: place('n2', 'elsewhere') }, 'MEMBER_EXISTS'],
  [
    'an address of HTTP that is taken',
    TWO,
    { kind: 'add', member: { ...place('n3'), http: 'http://n2:8083' } },
    'MEMBER_EXISTS',
  ],
  [
    'a link that is taken',
    TWO,
    { kind: 'add', member: { ...place('n3'), link: { host: 'n1', port: 7083 } } },
    'MEMBER_EXISTS',
  ],
  [
    'a witness for two servers',
    TWO,
    { kind: 'add', member: { ...place('w3'), witness: true } },
    'n1:n1-disk n2:n2-disk w3?:',
  ],
  [
    'a witness for one server',
    ONE,
    { kind: 'add', member: { ...place('w2'), witness: true } },
    'WITNESS_TOO_MANY',
  ],
  [
    'a second witness for two servers',
    WITH_WITNESS,
    { kind: 'add', member: { ...place('w4'), witness: true } },
    'WITNESS_TOO_MANY',
  ],
  [
    'another server in the place of one that was removed',
    WITH_WITNESS.slice(1),
    { kind: 'add', member: place('n4') },
    'n2:n2-disk w3:w3-disk n4?:',
  ],
  ['one too many', FULL, { kind: 'add', member: place('n99') }, 'MEMBERS_FULL'],
  [
    'a learner',
    WITH_LEARNER,
    { kind: 'promote', name: 'n3', incarnation: 'x' },
    'n1:n1-disk n2:n2-disk n3:x',
  ],
  ['a stranger', TWO, { kind: 'promote', name: 'n3', incarnation: 'x' }, 'MEMBER_UNKNOWN'],
  ['a voter', THREE, { kind: 'promote', name: 'n3', incarnation: 'n3-disk' }, 'MEMBER_UNCHANGED'],
  [
    'a voter with another disk, of three',
    THREE,
    { kind: 'promote', name: 'n3', incarnation: 'x' },
    'MEMBER_UNCHANGED',
  ],
  [
    'a voter with another disk, of two',
    TWO,
    { kind: 'promote', name: 'n2', incarnation: 'x' },
    'n1:n1-disk n2:x',
  ],
  [
    'the primary with another spool',
    THREE,
    { kind: 'promote', name: 'n1', incarnation: 'x' },
    'n1:x n2:n2-disk n3:n3-disk',
  ],
  [
    'a voter with another disk, of three',
    THREE,
    { kind: 'reset', name: 'n3', incarnation: 'x' },
    'n1:n1-disk n2:n2-disk n3?:x',
  ],
  [
    'a voter with another disk, of two',
    TWO,
    { kind: 'reset', name: 'n2', incarnation: 'x' },
    'MEMBER_UNCHANGED',
  ],
  ['a voter with its disk', THREE, { kind: 'reset', name: 'n3', incarnation: 'n3-disk' }, 'MEMBER_UNCHANGED'],
  ['a learner', WITH_LEARNER, { kind: 'reset', name: 'n3', incarnation: 'x' }, 'MEMBER_UNCHANGED'],
  ['the primary', THREE, { kind: 'reset', name: 'n1', incarnation: 'x' }, 'MEMBER_IS_PRIMARY'],
  ['a voter', THREE, { kind: 'remove', name: 'n2' }, 'n1:n1-disk n3:n3-disk'],
  ['a learner', WITH_LEARNER, { kind: 'remove', name: 'n3' }, 'n1:n1-disk n2:n2-disk'],
  ['the primary', THREE, { kind: 'remove', name: 'n1' }, 'MEMBER_IS_PRIMARY'],
  ['a stranger', THREE, { kind: 'remove', name: 'n9' }, 'MEMBER_UNKNOWN'],
  ['another address', TWO, { kind: 'address', place: place('n2', 'moved') }, 'n1:n1-disk n2:n2-disk'],
  ['the same address', TWO, { kind: 'address', place: place('n2') }, 'MEMBER_UNCHANGED'],
  ['the address of another', TWO, { kind: 'address', place: place('n2', 'n1') }, 'n1:n1-disk n2:n2-disk'],
  ['the address of a stranger', TWO, { kind: 'address', place: place('n9') }, 'MEMBER_UNKNOWN'],
];

describe('one change of the list of members', () => {
  it.each(TABLE.map(([what, list, change, expected]) => ({ what, list, change, expected })))(
    '$change.kind: $what -> $expected',
    ({ list, change, expected }) => {
      let done: string;
      try {
        const next = changeMembers(list, 'n1', change);
        done = text(next);
        expect(changeBetween(list, next)?.kind).toBe(change.kind);
      } catch (error) {
        done = (error as { code?: string }).code ?? String(error);
      }
      expect(done).toBe(expected);
    },
  );

  it('of an address changes nothing else', () => {
    const moved = changeMembers(TWO, 'n1', { kind: 'address', place: place('n2', 'moved') });
    expect(moved[1]).toEqual({ ...voter('n2'), ...place('n2', 'moved') });
    expect(changeBetween(TWO, TWO)).toBeNull();
  });
});

const names = Array.from({ length: MEMBERS_MAX }, (_, i) => `n${i + 1}`);
const changes = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    member: fc.constantFrom(...names).map((name) => place(name)),
  }),
  fc.record({
    kind: fc.constantFrom('promote' as const, 'reset' as const),
    name: fc.constantFrom(...names),
    incarnation: fc.constantFrom('a', 'b'),
  }),
  fc.record({ kind: fc.constant('remove' as const), name: fc.constantFrom(...names) }),
);

describe('two lists that follow each other', () => {
  it('have no two majorities that do not meet (rule C11)', () => {
    fc.assert(
      fc.property(
        fc.array(changes, { maxLength: 40 }),
        fc.array(fc.nat(0xffff), { maxLength: 2 }),
        (all, sets) => {
          let list: MemberList = ONE;
          for (const change of all) {
            const before = list;
            try {
              list = changeMembers(before, 'n1', change);
            } catch {
              continue;
            }
            expect(votersOf(list)).toContain('n1');
            // Every two sets of nodes would take too long: the smallest majorities, and those that were drawn.
            const [a = 0, b = 0] = sets;
            for (const [mask, other] of [
              [a, b],
              [a, ~a],
              [b, ~b],
            ] as const) {
              const pick = (bits: number) => new Set(names.filter((_, i) => (bits >> i) & 1));
              const one = pick(mask);
              const two = pick(other);
              if (isMajorityOfAll([votersOf(before)], one) && isMajorityOfAll([votersOf(list)], two))
                expect([...one].some((name) => two.has(name))).toBe(true);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('of %i and one more voter: every two majorities meet', (size) => {
    const small = names.slice(0, size);
    const large = names.slice(0, size + 1);
    const sets = (of: string[]) =>
      Array.from(
        { length: 2 ** of.length },
        (_, bits) => new Set(of.filter((_name, i) => (bits >> i) & 1)),
      ).filter((set) => isMajorityOfAll([of], set));
    for (const one of sets(small))
      for (const two of sets(large)) expect([...one].some((name) => two.has(name))).toBe(true);
  });
});

it('a witness stays one through every change of its entry', () => {
  const added = changeMembers(TWO, 'n1', { kind: 'add', member: { ...place('w3'), witness: true } });
  const promoted = changeMembers(added, 'n1', { kind: 'promote', name: 'w3', incarnation: 'disk' });
  const elsewhere = { ...place('w3', 'elsewhere'), witness: true };
  const moved = changeMembers(promoted, 'n1', { kind: 'address', place: elsewhere });
  expect(moved.map(({ name, witness }) => [name, witness ?? false])).toEqual([
    ...[
      ['n1', false],
      ['n2', false],
      ['w3', true],
    ],
  ]);
});

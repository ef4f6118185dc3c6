import { expect, it } from 'vitest';
import type { ListedMember, MemberPlace } from '../../model/members.js';
import { type AttachedMember, type AutomaticChangeFacts, automaticChange } from './automatic-change.js';

const place = (name: string, host = name): MemberPlace => ({
  ...{ name, link: { host, port: 7083 }, http: `http://${host}:8083`, mysqlRw: null, mysqlRo: null },
});
const listed = (name: string, over: Partial<ListedMember> = {}): ListedMember => ({
  ...{ ...place(name), incarnation: `${name}-disk`, voter: true },
  ...over,
});
const there = (name: string, over: Partial<AttachedMember> = {}): AttachedMember => ({
  ...{ place: place(name), incarnation: `${name}-disk`, sound: true, durable: 10 },
  ...over,
});
const learner = listed('n3', { voter: false, incarnation: '' });
const THREE = [listed('n1'), listed('n2'), listed('n3')];

type Row = [
  what: string,
  facts: Partial<AutomaticChangeFacts> & { members?: AttachedMember[] },
  expected: string,
];
/** The primary is n1, and 10 is committed. */
const TABLE: Row[] = [
  ['nothing to change', { list: THREE, members: [there('n2'), there('n3')] }, 'nothing'],
  ['no replica is attached', { list: THREE }, 'nothing'],
  ['a learner that is not attached', { list: [...THREE.slice(0, 2), learner] }, 'nothing'],
  [
    'a learner that is behind',
    { list: [...THREE.slice(0, 2), learner], members: [there('n3', { durable: 9 })] },
    'nothing',
  ],
  [
    'a learner that has all committed transactions',
    { list: [...THREE.slice(0, 2), learner], members: [there('n3')] },
    'promote n3 n3-disk',
  ],
  [
    'a learner whose log is not sound',
    { list: [learner], members: [there('n3', { sound: false })] },
    'nothing',
  ],
  [
    'a voter of three with another disk',
    { list: THREE, members: [there('n2', { incarnation: 'x', durable: 0 })] },
    'reset n2 x',
  ],
  [
    'another disk that is damaged',
    { list: THREE, members: [there('n2', { incarnation: 'x', sound: false })] },
    'nothing',
  ],
  ['a damaged voter', { list: THREE, members: [there('n2', { sound: false })] }, 'nothing'],
  [
    'one of two voters with another disk',
    { list: THREE.slice(0, 2), members: [there('n2', { incarnation: 'x', durable: 9 })] },
    'nothing',
  ],
  [
    'the same, with all committed transactions',
    { list: THREE.slice(0, 2), members: [there('n2', { incarnation: 'x' })] },
    'promote n2 x',
  ],
  [
    'a member at another address',
    { list: THREE, members: [there('n2', { place: place('n2', 'moved') })] },
    'address n2',
  ],
  [
    'the primary at another address',
    { list: THREE, self: { place: place('n1', 'moved'), incarnation: 'n1-disk' } },
    'address n1',
  ],
  [
    'the primary with another spool',
    { list: THREE, self: { place: place('n1'), incarnation: 'x' } },
    'promote n1 x',
  ],
];

it.each(TABLE)('%s', (_what, { members = [], ...facts }, expected) => {
  const change = automaticChange({
    list: [],
    self: { place: place('n1'), incarnation: 'n1-disk' },
    attached: new Map(members.map((member) => [member.place.name, member])),
    committed: 10,
    ...facts,
  });
  const text =
    change === null
      ? 'nothing'
      : change.kind === 'address'
        ? `address ${change.place.name}`
        : `${change.kind} ${'name' in change ? change.name : ''} ${'incarnation' in change ? change.incarnation : ''}`;
  expect(text).toBe(expected);
});

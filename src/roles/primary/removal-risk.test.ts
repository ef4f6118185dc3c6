import { expect, it } from 'vitest';
import { changeMembers, type ListedMember, type MemberList } from '../../model/members.js';
import { removalRisk } from './removal-risk.js';

const member = (name: string): ListedMember => ({
  ...{ name, incarnation: name, voter: true, link: { host: '127.0.0.1', port: 1 } },
  ...{ http: '', mysqlRw: null, mysqlRo: null, ...(name.startsWith('w') && { witness: true }) },
});

/** `behind`: members that lack something that is committed. */
function riskOf(names: string, removed: string, ...behind: string[]): string | null {
  const before: MemberList = names.split(' ').map(member);
  const change = { kind: 'remove', name: removed } as const;
  return removalRisk(before, changeMembers(before, 'n1', change), change, {
    self: 'n1',
    committed: 700,
    durableOf: (name) => (behind.includes(name) ? 500 : 700),
  });
}

it('a member that has everything stays while another one lacks some of it, and a witness would count for that one', () => {
  expect(riskOf('n1 n2 n3 w4', 'n2', 'n3')).toBe(
    'Without n2, too few of the voters n1, n3, w4 have everything that is committed: a witness may have only a part of it. Wait until n3 has the whole log, then try again.',
  );
  expect(riskOf('n1 n2 n3 n4 w5', 'n2', 'n3', 'n4')).toMatch('Wait until n3 and n4 have the whole log');
  expect(riskOf('n1 n2 w3 w4', 'n2')).toMatch('Remove a witness first.');
});

it.each([
  ['all are level', 'n1 n2 n3 w4', 'n2', []],
  ['it is the one that is behind', 'n1 n2 n3 w4', 'n3', ['n3']],
  ['the primary and the witness stay', 'n1 n2 w3', 'n2', []],
  ['the witness goes', 'n1 n2 n3 w4', 'w4', ['n3']],
  ['there is no witness', 'n1 n2 n3', 'n2', ['n3']],
  ['enough others have everything', 'n1 n2 n3 n4 w5', 'n2', ['n4']],
])('nothing stands against a removal when %s', (_, names, removed, behind) => {
  expect(riskOf(names, removed, ...behind)).toBeNull();
});

import { expect, it } from 'vitest';
import type { ClusterStatus, NewJoinToken } from '../../../client/src/index.js';
import { joinCommand, localNotice, newcomers, removalText } from './joining.js';

const token = (address: string) => ({ address, token: 'skein_join_abc' }) as NewJoinToken;
const status = (...members: readonly (readonly [string, boolean])[]) =>
  ({ members: members.map(([name, voter]) => ({ name, voter })) }) as unknown as ClusterStatus;
const voters = (count: number) =>
  status(...Array.from({ length: count }, (_, i) => [`n${i + 1}`, true] as const));

it('a machine joins by one line', () => {
  const made = token('http://10.0.0.1:8083');
  expect(joinCommand(made, 'server')).toBe('skein join http://10.0.0.1:8083 --token skein_join_abc');
  expect(joinCommand(made, 'witness')).toBe(
    'skein join http://10.0.0.1:8083 --token skein_join_abc --witness',
  );
});

it.each([
  ['http://127.0.0.1:8083', true],
  ['http://localhost:8083', true],
  ['https://[::1]:8083', true],
  ['http://10.0.0.1:8083', false],
  ['https://localhost.example.org:8083', false],
])('the nodes at %s listen on their own machine only: %s', (address, isLocal) => {
  expect(localNotice(token(address)) !== null).toBe(isLocal);
});

it('tells who has come', () => {
  expect(newcomers(['n1', 'n2'], voters(3))).toEqual(['n3']);
  expect(newcomers(['n1', 'n2'], voters(1))).toEqual([]);
});

it.each([
  [2, 'Then one voter is left: no other node has a copy that counts.'],
  [3, 'Then 2 voters are left. Then the loss of one of them stops writes.'],
  [4, 'Then 3 voters are left. Then one of them may fail.'],
  [6, 'Then 5 voters are left. Then 2 of them may fail.'],
])('says what it means to remove one of %d voters', (count, text) => {
  expect(removalText(voters(count), 'n2')).toBe(text);
});

it('a learner is removed without an effect', () => {
  expect(removalText(status(['n1', true], ['n2', false]), 'n2')).toMatch(/does not count/);
});

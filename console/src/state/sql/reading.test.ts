import { expect, it } from 'vitest';
import type { ClusterStatus } from '../../../../client/src/index.js';
import { levelsOf, READING, servedText, targetsOf, wrongReading } from './reading.js';

const status = {
  members: [
    { name: 'n1', role: 'primary', witness: false },
    { name: 'n2', role: 'replica', witness: false },
    { name: 'n3', role: 'replica', witness: false },
    { name: 'w', role: 'witness', witness: true },
  ],
} as unknown as ClusterStatus;

it('members that have a server and are within reach are offered', () => {
  const reach = new Set(['n1', 'n2', 'w']);
  expect(targetsOf(status, 'n1', reach).map(({ text }) => text)).toEqual(['n2 (replica)']);
});

it('a replica cannot say what the primary has', () => {
  expect(levelsOf(status, 'n2')).toEqual(['session', 'local', 'bounded']);
  expect(levelsOf(status, 'n1')).toContain('linearizable');
  expect(levelsOf(undefined, 'n1')).toContain('linearizable');
});

it('a lag is a whole number', () => {
  expect(wrongReading({ ...READING, level: 'bounded', maxLagMs: ' 500 ' })).toBeNull();
  expect(wrongReading({ ...READING, level: 'bounded', maxLagMs: 'soon' })).toContain('milliseconds');
  expect(wrongReading({ ...READING, maxLagMs: 'soon' })).toBeNull();
});

it('who served it is said', () => {
  expect(servedText({ node: 'n2', role: 'replica', lagMs: 3 })).toBe('served by n2, 3 ms behind');
  expect(servedText({ node: 'n1', role: 'primary', lagMs: 0 })).toBe('served by n1, the primary');
  expect(servedText({ node: 'n2', role: 'replica', lagMs: null })).toContain('is not known');
});

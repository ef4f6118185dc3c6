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

it('a node that is not within reach is not asked', () => {
  const targets = targetsOf(status, 'n1', new Set(['n2']));
  expect(wrongReading({ ...READING, node: 'n2' }, targets, 'n1')).toBeNull();
  expect(wrongReading({ ...READING, node: 'n3' }, targets, 'n1')).toMatch(/^n3 is not within reach/);
  // The page goes on through the chosen node.
  expect(wrongReading({ ...READING, node: 'n3' }, targets, 'n3')).toBeNull();
});

it('a lag is a whole number', () => {
  expect(wrongReading({ ...READING, level: 'bounded', maxLagMs: ' 500 ' }, [], 'n1')).toBeNull();
  expect(wrongReading({ ...READING, level: 'bounded', maxLagMs: 'soon' }, [], 'n1')).toContain(
    'milliseconds',
  );
  expect(wrongReading({ ...READING, maxLagMs: 'soon' }, [], 'n1')).toBeNull();
});

it('who served it is said', () => {
  expect(servedText({ node: 'n2', role: 'replica', lagMs: 3 })).toBe('served by n2, 3 ms behind');
  expect(servedText({ node: 'n1', role: 'primary', lagMs: 0 })).toBe('served by n1, the primary');
  expect(servedText({ node: 'n2', role: 'replica', lagMs: null })).toContain('is not known');
});

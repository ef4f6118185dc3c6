import { describe, expect, it } from 'vitest';
import { descriptorLimit } from '../std/descriptor-limit.js';
import { DESCRIPTORS_MIN, descriptorBudget, requireDescriptors } from './descriptor-budget.js';

const WANTED = { httpSessionsPerRole: 64, httpConnectionsMax: 500, mysqlConnectionsMax: 600 };
const used = ({ httpSessionsPerRole, httpConnectionsMax, mysqlConnectionsMax }: typeof WANTED) =>
  3 * httpSessionsPerRole + 2 * httpConnectionsMax + 4 * mysqlConnectionsMax;

describe('descriptorBudget', () => {
  it('leaves for the node itself what it needs, whatever the limit', () => {
    for (let limit = DESCRIPTORS_MIN; limit < 6000; limit++) {
      expect(limit - used(descriptorBudget(limit, WANTED))).toBeGreaterThanOrEqual(DESCRIPTORS_MIN - 64);
    }
  });

  it('gives every kind of client something at the least limit', () => {
    expect(descriptorBudget(DESCRIPTORS_MIN, WANTED)).toEqual({
      httpSessionsPerRole: 5,
      httpConnectionsMax: 12,
      mysqlConnectionsMax: 6,
    });
  });

  it('gives what was wanted where that fits, and where nothing is known', () => {
    for (const limit of [4096, 1_048_576, Number.POSITIVE_INFINITY, null]) {
      expect(descriptorBudget(limit, WANTED)).toEqual(WANTED);
    }
  });

  it('never gives more than was wanted', () => {
    expect(descriptorBudget(1000, { ...WANTED, mysqlConnectionsMax: 3 }).mysqlConnectionsMax).toBe(3);
  });
});

it('refuses fewer descriptors than a node needs, and says what to do', () => {
  expect(() => requireDescriptors(DESCRIPTORS_MIN)).not.toThrow();
  expect(() => requireDescriptors(null)).not.toThrow();
  expect(() => requireDescriptors(64)).toThrow(/may open 64 .* at least \d+.*ulimit -n 4096/);
});

it('reads the soft limit of this process', () => {
  const limits =
    'Limit   Soft Limit  Hard Limit  Units\nMax open files            256                  1024                 files     \n';
  expect(descriptorLimit(limits)).toBe(256);
  expect(descriptorLimit(limits.replace('256 ', 'unlimited '))).toBe(Number.POSITIVE_INFINITY);
  expect(descriptorLimit('')).toBeNull();
  if (process.platform === 'linux') expect(descriptorLimit()).toBeGreaterThan(0);
});

import { expect, it } from 'vitest';
import { CommitWait } from './commit-wait.js';

it('counts each transaction once, with the waiting time of its batch', () => {
  let now = 0;
  const wait = new CommitWait(() => now);
  wait.begin(100);
  wait.read(110);
  now = 4;
  wait.read(115);
  now = 10;
  wait.acknowledged(112);
  expect(wait.histogram.count).toBe(12);
  expect(wait.histogram.sum).toBeCloseTo((10 * 10 + 2 * 6) / 1000);
  wait.acknowledged(112);
  now = 20;
  wait.acknowledged(120);
  expect(wait.histogram.count).toBe(15);
  // The quorum has no transaction that was not read. This one counts when it is read, with no wait.
  wait.read(116);
  wait.acknowledged(120);
  expect(wait.histogram.count).toBe(16);
});

it('does not count a transaction again that a new dump reads again', () => {
  const wait = new CommitWait(() => 0);
  wait.begin(0);
  wait.read(5);
  wait.acknowledged(5);
  wait.begin(3);
  wait.read(5);
  wait.acknowledged(5);
  expect(wait.histogram.count).toBe(5);
});

it('still counts every transaction when more batches wait than it tracks', () => {
  const wait = new CommitWait(() => 0);
  wait.begin(0);
  for (let ordinal = 1; ordinal <= 10_000; ordinal++) wait.read(ordinal);
  wait.acknowledged(10_000);
  expect(wait.histogram.count).toBe(10_000);
});

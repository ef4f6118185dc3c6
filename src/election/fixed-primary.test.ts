import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochFile } from './epoch-file.js';
import { FixedPrimary } from './fixed-primary.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-election-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const fixed = (node: string) =>
  new FixedPrimary({ node, primary: 'n1' }, { epochFile: epochFile(directory) });

it('tells each node its role once, and nothing after that', async () => {
  const signal = new AbortController();
  expect(await fixed('n1').next(signal.signal)).toEqual({ kind: 'primary' });
  const replica = fixed('n2');
  expect(await replica.next(signal.signal)).toEqual({ kind: 'replica', primary: 'n1' });
  const next = replica.next(signal.signal);
  signal.abort(new Error('the node stops'));
  await expect(next).rejects.toThrow('the node stops');
  await expect(replica.next(signal.signal)).rejects.toThrow('the node stops');
});

it('never gives an epoch number twice, even after a restart or when the epoch was withdrawn', async () => {
  expect(await fixed('n1').newEpoch(0)).toBe(1);
  // Epoch 1 is no longer in the chain.
  expect(await fixed('n1').newEpoch(0)).toBe(2);
  expect(await fixed('n1').newEpoch(7)).toBe(8);
});

it('refuses a damaged file instead of starting at 1 again', async () => {
  await writeFile(join(directory, 'epoch.json'), '{"used":');
  await expect(fixed('n1').newEpoch(0)).rejects.toMatchObject({ code: 'EPOCH_UNREADABLE' });
});

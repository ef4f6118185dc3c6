import { expect, it } from 'vitest';
import { LentPieces } from './lent-pieces.js';

/** One buffer that is filled again as soon as its bytes were returned. */
function countdown(from: number) {
  const seen: string[] = [];
  const shared = Buffer.alloc(1);
  let left = from;
  const pieces = new LentPieces({
    wanted: () => {
      seen.push('wanted');
      if (left === 0) return pieces.end();
      shared[0] = left--;
      pieces.give(shared);
    },
    stopped: () => seen.push('stopped'),
    returned: () => {
      shared[0] = 0;
    },
  });
  return { pieces, seen };
}

it('lends each piece until the next is asked for', async () => {
  const { pieces, seen } = countdown(3);
  const read: number[] = [];
  for await (const piece of pieces) {
    await Promise.resolve();
    read.push(piece[0] ?? 0);
  }
  expect(read).toEqual([3, 2, 1]);
  expect(pieces.heldBytes).toBe(0);
  expect(seen).toEqual(['wanted', 'wanted', 'wanted', 'wanted', 'stopped']);
});

it('tells when the reader stops, once, and takes nothing more', async () => {
  const { pieces, seen } = countdown(3);
  for await (const _ of pieces) break;
  pieces.stop();
  pieces.give(Buffer.alloc(9));
  expect(seen).toEqual(['wanted', 'stopped']);
  expect(pieces.heldBytes).toBe(0);
});

it('an error comes before what was not asked for; an end comes after it', async () => {
  const modules = { wanted: () => {}, stopped: () => {} };
  const failed = new LentPieces(modules);
  failed.give(Buffer.alloc(1));
  const error = new Error('the source is gone');
  failed.end(error);
  await expect(
    (async () => {
      for await (const _ of failed);
    })(),
  ).rejects.toBe(error);
  const ended = new LentPieces(modules);
  ended.give(Buffer.alloc(1));
  ended.give(Buffer.alloc(1));
  ended.end();
  let count = 0;
  for await (const _ of ended) count++;
  expect(count).toBe(2);
});

it('wakes a reader that waits', async () => {
  const pieces = new LentPieces({ wanted: () => {}, stopped: () => {} });
  const read = (async () => {
    const all: number[] = [];
    for await (const piece of pieces) all.push(piece.length);
    return all;
  })();
  await Promise.resolve();
  pieces.give(Buffer.alloc(4));
  await Promise.resolve();
  pieces.give(Buffer.alloc(5));
  pieces.end();
  expect(await read).toEqual([4, 5]);
});

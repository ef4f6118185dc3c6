import { expect, it } from 'vitest';
import { forcedEpoch, isForcedBeginning, isLastOfTimeline, TIMELINE_EPOCHS, timelineOf } from './timeline.js';

it('forced epochs are in newer timelines, and differ for each place in the list', () => {
  const known = 7 * TIMELINE_EPOCHS + 12;
  const epochs = Array.from({ length: 10 }, (_, place) => forcedEpoch(known, place));
  expect(new Set(epochs).size).toBe(10);
  for (const epoch of epochs) {
    expect(timelineOf(epoch ?? 0)).toBeGreaterThan(timelineOf(known));
    expect(isForcedBeginning({ epoch: epoch ?? 0, number: 0 })).toBe(true);
  }
});

it('the epochs of elections are none', () => {
  for (const epoch of [0, 1, 12_000_001]) expect(isForcedBeginning({ epoch, number: 0 })).toBe(false);
  expect(isForcedBeginning({ epoch: 12_000_000, number: 1 })).toBe(false);
  expect(timelineOf(-1)).toBe(0);
  expect([isLastOfTimeline(999_999), isLastOfTimeline(1_000_000)]).toEqual([true, false]);
});

it('the numbers end', () => {
  let epoch: number | null = 0;
  let count = 0;
  for (; epoch !== null; count++) epoch = forcedEpoch(epoch, 9);
  expect(count).toBeGreaterThan(100);
});

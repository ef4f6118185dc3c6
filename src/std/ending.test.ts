import { expect, it } from 'vitest';
import { ABORTED, beforeEnd } from './before-end.js';
import { Ending } from './ending.js';

it('tells everybody once, those who come late at once, and nobody who has left', () => {
  const ending = new Ending();
  const heard: string[] = [];
  const left = () => heard.push('left');
  ending.on(() => heard.push('early'));
  ending.on(left);
  ending.off(left);
  expect(ending.over).toBe(false);
  ending.end();
  ending.end();
  ending.on(() => heard.push('late'));
  expect([ending.over, heard]).toEqual([true, ['early', 'late']]);
});

it('is an AbortSignal for whoever asks, before and after', () => {
  const ending = new Ending();
  const { signal } = ending;
  expect(signal.aborted).toBe(false);
  ending.end();
  expect([signal.aborted, ending.signal]).toEqual([true, signal]);
  const ended = new Ending();
  ended.end();
  expect(ended.signal.aborted).toBe(true);
});

it('ends a wait, whose promise goes on and whose later rejection harms nobody', async () => {
  expect(await beforeEnd(Promise.resolve(1), new Ending())).toBe(1);
  await expect(beforeEnd(Promise.reject(new Error('its own')), new Ending())).rejects.toThrow('its own');
  const ending = new Ending();
  let fail = (_error: Error) => {};
  const waiting = beforeEnd(new Promise((_, reject) => (fail = reject)), ending);
  ending.end();
  await expect(waiting).rejects.toBe(ABORTED);
  fail(new Error('nobody waits any more'));
  await expect(beforeEnd(new Promise(() => {}), ending)).rejects.toBe(ABORTED);
});

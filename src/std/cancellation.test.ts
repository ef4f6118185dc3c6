import { expect, it } from 'vitest';
import { Cancellation } from './cancellation.js';
import { CANCELLED, unlessCancelled } from './unless-cancelled.js';

it('calls each listener once, a late one at once, and none that was removed', () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  const left = () => heard.push('left');
  cancellation.on(() => heard.push('early'));
  cancellation.on(left);
  cancellation.off(left);
  expect(cancellation.cancelled).toBe(false);
  cancellation.cancel();
  cancellation.cancel();
  cancellation.on(() => heard.push('late'));
  expect([cancellation.cancelled, heard]).toEqual([true, ['early', 'late']]);
});

it('gives an AbortSignal, before and after the cancellation', () => {
  const cancellation = new Cancellation();
  const { signal } = cancellation;
  expect(signal.aborted).toBe(false);
  cancellation.cancel();
  expect([signal.aborted, cancellation.signal]).toEqual([true, signal]);
  const cancelled = new Cancellation();
  cancelled.cancel();
  expect(cancelled.signal.aborted).toBe(true);
});

it('ends a wait; the promise goes on, and its later rejection is handled', async () => {
  expect(await unlessCancelled(Promise.resolve(1), new Cancellation())).toBe(1);
  await expect(unlessCancelled(Promise.reject(new Error('its own')), new Cancellation())).rejects.toThrow(
    'its own',
  );
  const cancellation = new Cancellation();
  let fail = (_error: Error) => {};
  const waiting = unlessCancelled(new Promise((_, reject) => (fail = reject)), cancellation);
  cancellation.cancel();
  await expect(waiting).rejects.toBe(CANCELLED);
  fail(new Error('its result is not used'));
  await expect(unlessCancelled(new Promise(() => {}), cancellation)).rejects.toBe(CANCELLED);
});

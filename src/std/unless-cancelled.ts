import type { Cancellation } from './cancellation.js';

/** `unlessCancelled` rejects with it. Its callers catch it. */
export const CANCELLED = Symbol('cancelled');

/**
 * The promise's result, or a rejection with CANCELLED when the cancellation comes first. Then the promise goes on, and its
 * later rejection is handled.
 */
export function unlessCancelled<T>(promise: Promise<T>, cancellation: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const onCancel = () => reject(CANCELLED);
    cancellation.on(onCancel);
    promise.then(
      (value) => {
        cancellation.off(onCancel);
        resolve(value);
      },
      (error: unknown) => {
        cancellation.off(onCancel);
        reject(error);
      },
    );
  });
}

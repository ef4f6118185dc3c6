import type { Ending } from './ending.js';

/** What `beforeEnd` rejects with; never leaves the code that asked. */
export const ABORTED = Symbol('aborted');

/**
 * The promise's result, or a rejection with ABORTED when the end comes first. The promise goes on then, and its later
 * rejection is taken care of.
 */
export function beforeEnd<T>(promise: Promise<T>, ending: Ending): Promise<T> {
  return new Promise((resolve, reject) => {
    const onEnd = () => reject(ABORTED);
    ending.on(onEnd);
    promise.then(
      (value) => {
        ending.off(onEnd);
        resolve(value);
      },
      (error: unknown) => {
        ending.off(onEnd);
        reject(error);
      },
    );
  });
}

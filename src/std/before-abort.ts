/** What `beforeAbort` rejects with; never leaves the code that asked. */
export const ABORTED = Symbol('aborted');

/**
 * The promise's result, or a rejection with ABORTED when the signal comes first. The promise goes on then, and its
 * later rejection is taken care of.
 */
export function beforeAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(ABORTED);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

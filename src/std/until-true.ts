import type { Emitter } from './emitter.js';

/** Resolves once `done` returns true; it is called again at each `changed` event. Rejects with the signal's reason. */
export function untilTrue(done: () => boolean, changed: Emitter<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      if (!signal.aborted && !done()) return;
      off();
      signal.removeEventListener('abort', settle);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    };
    const off = changed.on(settle);
    signal.addEventListener('abort', settle);
    settle();
  });
}

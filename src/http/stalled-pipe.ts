import type { Writable } from 'node:stream';
import { HTTP_CONSTANTS } from '../config/http-limits.js';

/**
 * Pipes a source into an answer. A client that takes nothing for `stalledMs` is cut off: the source (a process, the old row
 * versions that it reads) is held as long as the answer is. The time-out of the socket alone may take twice as long. Ending
 * the answer is left to the caller.
 */
export function pipeUntilStalled(
  source: NodeJS.ReadableStream,
  response: Writable,
  stalledMs: number = HTTP_CONSTANTS.stalledAnswerMs,
): void {
  let stalled: NodeJS.Timeout | undefined;
  const moves = () => {
    clearTimeout(stalled);
    stalled = undefined;
  };
  // pipe() pauses the source when the answer is full.
  source.on('pause', () => {
    if (!response.destroyed) stalled ??= setTimeout(() => response.destroy(), stalledMs);
  });
  response.on('drain', moves);
  response.on('close', moves);
  source.pipe(response, { end: false });
}

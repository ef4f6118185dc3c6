import type { ServerResponse } from 'node:http';

/** Calls the listener when the answer is closed: at once when its client had gone before the answer began. */
export function whenClosed(response: ServerResponse, listener: () => void): void {
  if (response.closed) listener();
  else response.once('close', listener);
}

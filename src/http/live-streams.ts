/** Streams that go on until the client ends them, the node stops, or the token ends. */
import type { ServerResponse } from 'node:http';
import type { HandlerRequest } from './handlers/context.js';
import { whenClosed } from './when-closed.js';

/** Name of the last line or event of a stream that ends because its token is no longer valid. */
export const TOKEN_REVOKED = 'token.revoked';

/** `end` ends the stream with a last text. */
export function keepStream(
  end: (last?: string) => void,
  stream: {
    readonly request: HandlerRequest;
    readonly response: ServerResponse;
    /** Functions to call when the node stops. */
    readonly openStreams: Set<() => void>;
    lastText(reason: string): string;
  },
): void {
  const { request, response, openStreams, lastText } = stream;
  const stop = () => end();
  openStreams.add(stop);
  whenClosed(response, () => openStreams.delete(stop));
  request.onRevoked((reason) => end(lastText(reason)));
}

import { parseLastEventId, streamEvents } from '../event-stream.js';
import { keepStream, TOKEN_REVOKED } from '../live-streams.js';
import type { Handler } from './context.js';

export const handleCluster: Handler = async (_request, { node }) => ({
  kind: 'json',
  body: await node.clusterStatus(),
});

export const handleHistory: Handler = ({ query }, { node }) => ({
  kind: 'json',
  body: node.history(query.seconds as number),
});

export const handleEvents: Handler = (request, { node, openStreams }) => ({
  kind: 'stream',
  start(response) {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-request-id': request.requestId,
      'x-content-type-options': 'nosniff',
    });
    const end = streamEvents(response, node.events, parseLastEventId(request.header('last-event-id')));
    keepStream(end, {
      request,
      response,
      openStreams,
      lastText: (reason) => `event: ${TOKEN_REVOKED}\ndata: ${JSON.stringify({ reason })}\n\n`,
    });
  },
});

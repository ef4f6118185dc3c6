import { type LogFilter, logMatcher } from '../../api/log-filter.js';
import { type AuditFilter, auditMatcher } from '../../audit/search.js';
import { TAIL_DEFAULT } from '../endpoints/line-queries.js';
import { type LineFeed, linesToSend, streamLines, textOf } from '../line-stream.js';
import { keepStream, TOKEN_REVOKED } from '../live-streams.js';
import type { Handler, HandlerRequest } from './context.js';
import type { HandlerReply } from './reply.js';

const CONTENT_TYPE = 'application/x-ndjson; charset=utf-8';

export const handleAudit: Handler = (request, { node, openStreams }) => {
  const {
    tail = TAIL_DEFAULT,
    follow,
    ...filter
  } = request.query as AuditFilter & {
    tail?: number;
    follow?: string;
  };
  const feed: LineFeed = {
    first: () => node.audit.search(filter, tail),
    subscribe: (listener) => node.audit.subscribe(listener),
    matches: auditMatcher(filter),
  };
  return answerLines(request, feed, follow === 'true', openStreams);
};

export const handleLogs: Handler = (request, { node, openStreams }) => {
  const {
    tail = TAIL_DEFAULT,
    follow,
    ...filter
  } = request.query as LogFilter & {
    tail?: number;
    follow?: string;
  };
  const feed: LineFeed = {
    first: () => node.logs.search(filter, tail),
    subscribe: (listener) => node.logs.subscribe(listener),
    matches: logMatcher(filter),
  };
  return answerLines(request, feed, follow === 'true', openStreams);
};

async function answerLines(
  request: HandlerRequest,
  feed: LineFeed,
  follow: boolean,
  openStreams: Set<() => void>,
): Promise<HandlerReply> {
  if (!follow) {
    const found = await feed.first();
    return {
      kind: 'json',
      contentType: CONTENT_TYPE,
      body: textOf(linesToSend(found)),
      facts: { rows: found.lines.length },
    };
  }
  return {
    kind: 'stream',
    start(response) {
      response.writeHead(200, {
        'content-type': CONTENT_TYPE,
        'cache-control': 'no-store',
        'x-request-id': request.requestId,
        'x-content-type-options': 'nosniff',
      });
      const end = streamLines(response, feed);
      keepStream(end, {
        request,
        response,
        openStreams,
        lastText: (reason) => `${JSON.stringify({ event: TOKEN_REVOKED, reason })}\n`,
      });
    },
  };
}

/** How an answer or an error leaves a node: status, headers, compression, and the one form of all error bodies. */

import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, toApiError } from '../api/api-error.js';
import type { NodeView } from '../api/node-view.js';
import { errorContext } from '../sql/within-time.js';
import type { Logger } from '../std/logger.js';
import { AnswerCompression } from './compress.js';
import type { HandlerReply } from './handlers/reply.js';
import { fromFramework } from './refusals.js';
import type { RequestMeter } from './request-meter.js';
import { shownPath } from './shown-path.js';

export interface AnswersModules {
  readonly node: NodeView;
  readonly log: Logger;
  readonly meter: RequestMeter;
}

export class Answers {
  readonly #modules: AnswersModules;
  readonly #compression = new AnswerCompression();

  constructor(modules: AnswersModules) {
    this.#modules = modules;
  }

  send(
    request: FastifyRequest,
    reply: FastifyReply,
    answer: HandlerReply,
  ): FastifyReply | Promise<FastifyReply> {
    const state = request.skein;
    if (answer.kind === 'stream') {
      if (state) state.isStream = true;
      reply.hijack();
      answer.start(reply.raw);
      return reply;
    }
    if (state && answer.facts) state.facts = answer.facts;
    if (answer.kind === 'sent') {
      answer.finish();
      return reply;
    }
    if (answer.headers) reply.headers(answer.headers);
    reply
      .code(answer.status ?? 200)
      .header('content-type', answer.contentType ?? 'application/json; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('vary', 'accept, accept-encoding');
    const text = answer.contentType === undefined ? jsonLine(answer.body) : textOf(answer.body);
    if (!this.#compression.suits(text, header(request, 'accept-encoding'))) return reply.send(text);
    return this.#compression
      .compress(text)
      .then((bytes) => reply.header('content-encoding', 'gzip').send(bytes));
  }

  sendError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
    const state = request.skein;
    const role = state?.token?.role ?? 'read';
    const failure = fromFramework(error) ?? toApiError(error, errorContext(this.#modules.node, role));
    if (failure.status === 500) {
      this.#modules.log.error(
        { requestId: request.id, path: pathOf(request), err: error },
        'request failed inside the node',
      );
    }
    if (state) {
      state.facts = { ...state.facts, outcome: failure.code, applied: failure.details.applied ?? 'no' };
    }
    if (failure.status === 429) this.#modules.meter.limited++;
    if (failure.details.retryAfterS !== undefined) {
      reply.header('retry-after', String(failure.details.retryAfterS));
    }
    if (failure.code === 'UNSUPPORTED_ENCODING') reply.header('accept-encoding', 'gzip');
    void reply
      .code(failure.status)
      .header('content-type', 'application/json; charset=utf-8')
      .send(jsonLine(failure.toBody(request.id)));
  }
}

/** Sends the head of a stream; the handler writes the body itself. */
export function openStream(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  headers: Readonly<Record<string, string>>,
): ServerResponse {
  if (request.skein) request.skein.isStream = true;
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.raw.writeHead(status, { 'cache-control': 'no-store', ...headers });
  return reply.raw;
}

export function notFound(request: FastifyRequest): ApiError {
  return new ApiError(404, 'NOT_FOUND', `There is nothing at ${request.method} ${pathOf(request)}.`);
}

/** With a line break at the end, so that a terminal prompt after curl begins on a line of its own. */
function jsonLine(body: unknown): string {
  return `${textOf(body)}\n`;
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function pathOf(request: FastifyRequest): string {
  return shownPath(request.url, request.skein?.endpoint != null);
}

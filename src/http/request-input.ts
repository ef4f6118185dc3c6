/** Makes a handler's input from a Fastify request: query, path and body, each checked against the endpoint. */
import type { ServerResponse } from 'node:http';
import { Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api/api-error.js';
import { bearerToken, hashToken } from '../auth/token.js';
import type { EndpointDefinition } from './endpoints/definition.js';
import { parseExactJson } from './exact-json.js';
import type { HandlerRequest } from './handlers/context.js';
import { coercedQuery } from './query-values.js';
import type { RequestState } from './request-state.js';
import { bodyValidator, compileValidator } from './validation.js';

/** Unknown query parameters are refused, not ignored. */
const NO_QUERY = Type.Object({}, { additionalProperties: false });

export interface InputSource {
  readonly request: FastifyRequest;
  readonly state: RequestState;
  readonly answerRoom: HandlerRequest['answerRoom'];
  openStream(status: number, headers: Readonly<Record<string, string>>): ServerResponse;
}

/** Compiles the endpoint's checks once. The returned function throws ApiError 400. */
export function inputReader(definition: EndpointDefinition): (source: InputSource) => HandlerRequest {
  const validateBody = bodyValidator(definition);
  const validateQuery = compileValidator(definition.query ?? NO_QUERY);
  const validateParams = definition.params ? compileValidator(definition.params) : null;
  return ({ request, state, answerRoom, openStream }) => {
    const query = coercedQuery(request.query as Record<string, unknown>, definition.query);
    validateQuery(query);
    validateParams?.(request.params);
    let body: unknown;
    if (validateBody) {
      body = definition.bodyOptional && !request.body ? {} : parseJson(request.body);
      state.body = body;
      validateBody(body);
    }
    return {
      requestId: request.id,
      address: request.ip,
      token: state.token,
      params: request.params as Record<string, string>,
      query,
      body,
      rawBody: typeof request.body === 'string' ? request.body : '',
      header: (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value.join(', ') : value;
      },
      answerRoom,
      openStream,
      gone: state.gone,
      tokenHash: () => hashToken(bearerToken(request.headers.authorization) ?? ''),
      onRevoked: (listener) => state.revoked.on(() => listener(state.revokedBecause)),
    };
  };
}

/** @throws ApiError 400 INVALID_JSON | INEXACT_NUMBER */
function parseJson(text: unknown): unknown {
  if (typeof text !== 'string' || text === '') {
    throw new ApiError(400, 'INVALID_JSON', 'The request needs a JSON body.');
  }
  return parseExactJson(text);
}

/**
 * Reads a request's body within its own limit, the node's total, and the limits of JSON. It refuses at the first byte too
 * many. It does not check whether the body is JSON.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ApiError } from '../api/api-error.js';
import { HTTP_CONSTANTS } from '../config/http-limits.js';
import type { HeldBytes } from '../std/byte-budget.js';
import { bytesText } from '../std/bytes-text.js';
import { JsonBounds, type JsonExcess } from './json-bounds.js';

export interface BodyLimit {
  readonly bytesMax: number;
  /** Its name for people (docs/limits.md). */
  readonly name: string;
}

const JSON_LIMITS = {
  depthMax: HTTP_CONSTANTS.jsonDepthMax,
  valuesMax: HTTP_CONSTANTS.jsonValuesMax,
  keysMax: HTTP_CONSTANTS.jsonKeysMax,
};

/** @throws ApiError 400 INVALID_JSON | INVALID_REQUEST, 413 BODY_TOO_LARGE, 415 UNSUPPORTED_ENCODING, 503 NODE_BUSY */
export function readBody(request: IncomingMessage, limit: BodyLimit, held: HeldBytes): Promise<string> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limit.bytesMax) return Promise.reject(tooLarge(limit));
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return collect(request, request, limit, held);
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return Promise.reject(unsupported());
  const plain = createGunzip();
  request.pipe(plain);
  return collect(request, plain, limit, held).finally(() => {
    request.unpipe(plain);
    plain.destroy();
  });
}

function collect(
  request: IncomingMessage,
  source: Readable,
  limit: BodyLimit,
  held: HeldBytes,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const bounds = new JsonBounds(JSON_LIMITS);
    let length = 0;
    const over = (settle: () => void) => {
      source.off('data', onData).off('end', onEnd).off('error', onError);
      request.off('close', onClose);
      // Nothing listens for later errors.
      source.on('error', () => {});
      settle();
    };
    const refuse = (error: ApiError) => {
      over(() => reject(error));
      chunks.length = 0;
      held.release();
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit.bytesMax) return refuse(tooLarge(limit));
      if (!held.grow(chunk.length)) return refuse(noRoom());
      const excess = bounds.push(chunk);
      if (excess !== null) return refuse(tooComplex(excess));
      chunks.push(chunk);
    };
    const onEnd = () => {
      const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length);
      if (isUtf8(bytes)) over(() => resolve(bytes.toString('utf8')));
      else refuse(new ApiError(400, 'INVALID_JSON', 'The body is not UTF-8.'));
    };
    const onError = () =>
      refuse(
        new ApiError(
          400,
          'INVALID_REQUEST',
          source === request
            ? 'The request ended before its body was whole.'
            : 'The body is not gzip, although Content-Encoding says so.',
        ),
      );
    const onClose = () => {
      if (!request.complete) onError();
    };
    source.on('data', onData).on('end', onEnd).on('error', onError);
    request.on('close', onClose);
  });
}

function tooLarge({ bytesMax, name }: BodyLimit): ApiError {
  return new ApiError(
    413,
    'BODY_TOO_LARGE',
    `The body is larger than ${bytesText(bytesMax)}, the limit "${name}" of this node. Send less at a time.`,
  );
}

function noRoom(): ApiError {
  return new ApiError(
    503,
    'NODE_BUSY',
    'The bodies of the requests under way fill "httpBodiesBytesMax" of this node (a token may take half of it). Try again in a moment.',
    { retryable: true, retryAfterS: 1 },
  );
}

function tooComplex(excess: JsonExcess): ApiError {
  const limit = {
    depth: `arrays and objects nested more than ${JSON_LIMITS.depthMax} deep`,
    values: `more than ${JSON_LIMITS.valuesMax} values`,
    keys: `more than ${JSON_LIMITS.keysMax} names of fields`,
  }[excess];
  return new ApiError(400, 'JSON_TOO_COMPLEX', `The body has ${limit}. Send less at a time.`);
}

function unsupported(): ApiError {
  return new ApiError(
    415,
    'UNSUPPORTED_ENCODING',
    'A body may be sent as it is, or with Content-Encoding: gzip.',
  );
}

import type { FastifyInstance } from 'fastify';
import { notFound } from './answers.js';

const METHODS = 'GET, POST, DELETE';
/** Answers that a page reads from headers. */
const EXPOSED = 'idempotency-replayed, retry-after, x-request-id, x-skein-position';
const PREFLIGHT_KEEP_S = 600;

/**
 * Lets the pages of the other members call this node (CORS): when the node of a page goes away, the page goes on through another
 * one. Nobody else's page may, and a token in a header authorises each request as ever: no cookie is sent or read.
 * `origins`: of the members, as the list of members names them.
 */
export function allowMembers(app: FastifyInstance, origins: () => ReadonlySet<string>): void {
  const isMember = (origin: string | undefined) => origin !== undefined && origins().has(origin);
  app.addHook('onRequest', ({ headers: { origin } }, { raw }, done) => {
    if (isMember(origin)) {
      // Of the raw answer: streams write their own heads.
      raw.setHeader('access-control-allow-origin', origin ?? '');
      raw.setHeader('access-control-expose-headers', EXPOSED);
      raw.setHeader('vary', 'Origin');
    }
    done();
  });
  app.options('*', async (request, reply) => {
    if (!isMember(request.headers.origin)) throw notFound(request);
    return reply
      .code(204)
      .headers({
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '',
        'access-control-max-age': String(PREFLIGHT_KEEP_S),
      })
      .send();
  });
}

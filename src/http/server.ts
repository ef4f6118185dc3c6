/**
 * The node's HTTP server: routes from the endpoint definitions, who may call them, errors in one shape, one log line
 * for each request. Order of refusals (DESIGN 8.6): 401 before the body is even read, then 403, 421, 400.
 * What it does not do: TLS, and anything about the cluster itself: it only shows what NodeView says.
 */

import { isUtf8 } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { Type } from '@sinclair/typebox';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { AuditStyle } from '../audit/request-lines.js';
import { FailureLimit } from '../auth/failure-limit.js';
import type { TokenRecord } from '../auth/system-schema.js';
import { bearerToken, roleCovers } from '../auth/token.js';
import { TokenLimits } from '../auth/token-limits.js';
import { TokenStore } from '../auth/token-store.js';
import { TokenUse } from '../auth/token-use.js';
import { messageOf, SkeinError } from '../model/error.js';
import { endOfTurn } from '../std/end-of-turn.js';
import { Ending } from '../std/ending.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import { ApiError, toApiError } from './api-error.js';
import { CONSOLE_HEADERS, readConsoleFile } from './console-files.js';
import type { EndpointDefinition } from './endpoints/definition.js';
import { parseExactJson } from './exact-json.js';
import type { Handler, HandlerModules, HandlerReply, HandlerRequest } from './handlers/context.js';
import type { NodeView } from './node-view.js';
import { coercedQuery } from './query-values.js';
import { RequestAudit } from './request-audit.js';
import { RequestMeter } from './request-meter.js';
import { ROUTES } from './routes.js';
import { errorContext } from './sql/execute.js';
import { Outcomes } from './sql/outcomes.js';
import { SessionPool } from './sql/session-pool.js';
import { OpenTransactions } from './sql/transactions.js';
import { SystemTable } from './system-table.js';
import { TokenTable } from './token-table.js';
import { UserTable } from './user-table.js';
import { bodyValidator, compileValidator, type Validate } from './validation.js';

const BODY_MAX = 32 * 1024 * 1024;
const FAILURES_PER_MINUTE = 20;
/** Below MariaDB's default of 151 connections for the three roles together, with room for the node and the ports. */
const SESSIONS_PER_ROLE = 40;
const WAITERS_PER_ROLE = 1000;
/** A name of 64 characters, each of them four bytes that are escaped. */
const PARAM_MAX = 64 * 4 * 3;
/** What is not named is refused, not ignored. */
const NO_QUERY = Type.Object({}, { additionalProperties: false });
/** Long enough for a client that was cut off over night to ask what became of its write. */
const OUTCOME_KEEP_MS = 24 * 3_600_000;
const OUTCOME_PURGE_INTERVAL_MS = 60_000;
/** For requests that run when the node stops. */
const STOP_GRACE_MS = 1000;
/** For a client to send its whole request: 32 MiB over a slow line, but not for ever. */
const REQUEST_TIMEOUT_MS = 120_000;

export interface HttpServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Directory of the console's files; null = none. */
  readonly consoleDir: string | null;
  /** With it HTTPS is spoken, and nothing else. */
  readonly tls?: TlsSource | null;
  /** Where small facts that outlive a restart are kept; must exist. Without it they do not. */
  readonly stateDir?: string;
  /** Default: literals masked, no parameters. */
  readonly auditStyle?: AuditStyle;
  readonly tokenRefreshMs?: number;
  /** Outcomes of writes with an idempotency key are kept so long; default a day. */
  readonly outcomeKeepMs?: number;
  readonly outcomePurgeIntervalMs?: number;
}

export interface HttpServerModules {
  readonly node: NodeView;
  readonly log: Logger;
}

/** What is kept of a request until its log line is written. */
class RequestState {
  readonly startedAt = performance.now();
  readonly gone = new Ending();
  token: TokenRecord | null = null;
  /** Null for files of the page, and for what is nowhere. */
  endpoint: EndpointDefinition | null = null;
  isStream = false;
  /** As it was parsed, for the audit trail. */
  body: unknown = undefined;
  facts: Readonly<Record<string, unknown>> = {};
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null only for what was refused before it was a request. */
    skein: RequestState | null;
  }
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #node: NodeView;
  readonly #log: Logger;
  readonly #tokens: TokenStore;
  readonly #systemTable: SystemTable;
  readonly #tokenTable: TokenTable;
  readonly #pools: Record<'read' | 'write' | 'admin', SessionPool>;
  readonly #limits = new TokenLimits();
  readonly #tokenUse: TokenUse;
  readonly #transactions: OpenTransactions;
  readonly #outcomes: Outcomes;
  readonly #failures = new FailureLimit({ failuresMax: FAILURES_PER_MINUTE, windowMs: 60_000 });
  readonly #audit: RequestAudit;
  readonly #meter = new RequestMeter(ROUTES.map(([definition]) => definition));
  readonly #openStreams = new Set<() => void>();
  readonly #stopping = new Ending();
  #closing = false;
  #offTls: (() => void) | null = null;
  readonly #app: FastifyInstance;

  constructor(options: HttpServerOptions, modules: HttpServerModules) {
    this.#options = options;
    this.#node = modules.node;
    this.#log = modules.log;
    this.#audit = new RequestAudit(options.auditStyle ?? { statements: 'masked', parameters: false }, {
      add: (fields) => modules.node.audit.add(fields),
    });
    this.#systemTable = new SystemTable({ node: modules.node });
    this.#tokenTable = new TokenTable({ table: this.#systemTable });
    this.#tokens = new TokenStore(
      options.tokenRefreshMs === undefined ? {} : { refreshIntervalMs: options.tokenRefreshMs },
      { load: () => this.#tokenTable.load(), log: modules.log },
    );
    this.#tokenUse = new TokenUse({ directory: options.stateDir ?? null }, { log: modules.log });
    const pool = (account: 'skein_read' | 'skein_write' | 'skein_admin') =>
      new SessionPool(
        { account, sessionsMax: SESSIONS_PER_ROLE, waitersMax: WAITERS_PER_ROLE },
        { server: () => modules.node.server() },
      );
    this.#pools = { read: pool('skein_read'), write: pool('skein_write'), admin: pool('skein_admin') };
    this.#outcomes = new Outcomes(
      {
        keepMs: options.outcomeKeepMs ?? OUTCOME_KEEP_MS,
        purgeIntervalMs: options.outcomePurgeIntervalMs ?? OUTCOME_PURGE_INTERVAL_MS,
      },
      modules,
    );
    this.#transactions = new OpenTransactions({
      node: modules.node.name,
      log: modules.log,
      generation: () => modules.node.server()?.generation ?? null,
    });
    this.#app = this.#build();
  }

  /** @throws SkeinError PORT_TAKEN | LISTEN_FAILED */
  async start(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options;
    try {
      await this.#app.listen({ host, port });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      throw code === 'EADDRINUSE'
        ? new SkeinError('PORT_TAKEN', `HTTP port ${port} on ${host} is taken by another program.`, {
            cause: error,
          })
        : new SkeinError('LISTEN_FAILED', `HTTP can not listen on ${host}:${port}: ${messageOf(error)}`, {
            cause: error,
          });
    }
    await this.#tokenUse.start();
    this.#tokens.start();
    this.#outcomes.start();
    const address = this.#app.server.address() as AddressInfo;
    return { host, port: address.port };
  }

  /** Closes the sessions that no request uses; call it when the server restarts or changes its role (SAFETY C10). */
  dropSessions(): void {
    this.#transactions.dropIdle();
    for (const pool of Object.values(this.#pools)) pool.dropIdle();
  }

  /**
   * Ends streams, gives running requests a moment, answers what then still waits (a write without its quorum as
   * unknown), and closes the sessions.
   */
  async stop(): Promise<void> {
    this.#tokens.stop();
    for (const end of this.#openStreams) end();
    this.#closing = true;
    const timers = [
      setTimeout(() => this.#stopping.end(), STOP_GRACE_MS),
      // A client that does not read its answer must not keep the node alive.
      setTimeout(() => this.#app.server.closeAllConnections(), 2 * STOP_GRACE_MS),
    ];
    await this.#app.close();
    for (const timer of timers) clearTimeout(timer);
    this.#transactions.close();
    this.#outcomes.close();
    this.#offTls?.();
    for (const pool of Object.values(this.#pools)) pool.close();
    this.#systemTable.close();
    await this.#tokenUse.stop();
  }

  #build(): FastifyInstance {
    const tls = this.#options.tls ?? null;
    const app = Fastify({
      logger: false,
      bodyLimit: BODY_MAX,
      genReqId: (request) => requestId(request.headers['x-request-id']),
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: PARAM_MAX },
      forceCloseConnections: 'idle',
      return503OnClosing: true,
      requestTimeout: REQUEST_TIMEOUT_MS,
      frameworkErrors: (error, request, reply) => this.#sendError(error, request, reply),
      clientErrorHandler: refuseBrokenRequest,
      ...(tls && { https: { ...tls.current } }),
    }) as FastifyInstance;
    // Connections that are there go on with the certificate that they began with.
    if (tls)
      this.#offTls = tls.onChange.on(() =>
        (app.server as unknown as TlsServer).setSecureContext(tls.current),
      );
    // Any content type is read as JSON: `curl -d` sends another one, and the token, not a cookie, is what lets in.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, bytes: Buffer, done) => {
      if (isUtf8(bytes)) done(null, bytes.toString('utf8'));
      else done(new ApiError(400, 'INVALID_JSON', 'The body is not UTF-8.'));
    });
    app.decorateRequest('skein', null);
    app.addHook('onRequest', (request, reply, done) => {
      const state = new RequestState();
      request.skein = state;
      this.#meter.inFlight++;
      const response = reply.raw;
      response.once('close', () => {
        this.#meter.inFlight--;
        if (!response.writableFinished) state.gone.end();
      });
      reply.header('x-request-id', request.id);
      reply.header('x-content-type-options', 'nosniff');
      done();
    });
    app.addHook('onSend', (request, reply, payload, done) => {
      // Closing while the body is still arriving resets the connection, and the client never sees the answer.
      if (reply.statusCode === 413) void drain(request.raw).then(() => done(null, payload));
      else done(null, payload);
    });
    app.addHook('onSend', (_request, reply, payload, done) => {
      // Otherwise a kept-alive connection would hold the closing server for its whole idle time.
      if (this.#closing) reply.header('connection', 'close');
      done(null, payload);
    });
    app.addHook('onResponse', (request, reply, done) => {
      this.#logRequest(request, reply.statusCode);
      done();
    });
    app.setErrorHandler<FastifyError>((error, request, reply) => this.#sendError(error, request, reply));
    app.setNotFoundHandler((request, reply) =>
      this.#sendError(
        new ApiError(404, 'NOT_FOUND', `There is nothing at ${request.method} ${pathOf(request)}.`),
        request,
        reply,
      ),
    );
    const modules: HandlerModules = {
      node: this.#node,
      tokens: this.#tokens,
      tokenTable: this.#tokenTable,
      tokenUse: this.#tokenUse,
      users: new UserTable({ table: this.#systemTable, node: this.#node }),
      sql: {
        node: this.#node,
        pools: this.#pools,
        transactions: this.#transactions,
        outcomes: this.#outcomes,
        log: this.#log,
        stopping: this.#stopping,
      },
      openStreams: this.#openStreams,
      meter: this.#meter,
    };
    for (const [definition, handler] of ROUTES) this.#addRoute(app, definition, handler, modules);
    if (this.#options.consoleDir !== null) this.#addConsole(app, this.#options.consoleDir);
    return app;
  }

  #addRoute(
    app: FastifyInstance,
    definition: EndpointDefinition,
    handler: Handler,
    modules: HandlerModules,
  ): void {
    const validateBody = bodyValidator(definition);
    const validateQuery = compileValidator(definition.query ?? NO_QUERY);
    const validateParams = definition.params ? compileValidator(definition.params) : null;
    app.route({
      method: definition.method,
      url: definition.path,
      // Before the body is read: who has no token does not make us read 32 MiB.
      onRequest: async (request, reply) => {
        if (request.skein) request.skein.endpoint = definition;
        if (definition.auth !== null) await this.#authorise(request, reply, definition.auth);
      },
      handler: async (request, reply) => {
        const input = this.#input(definition, request, reply, {
          validateBody,
          validateQuery,
          validateParams,
        });
        await endOfTurn();
        const answer = await handler(input, modules);
        await endOfTurn();
        return this.#send(request, reply, answer);
      },
    });
  }

  #input(
    definition: EndpointDefinition,
    request: FastifyRequest,
    reply: FastifyReply,
    validators: {
      validateBody: Validate | null;
      validateQuery: Validate;
      validateParams: Validate | null;
    },
  ): HandlerRequest {
    const state = request.skein ?? new RequestState();
    const query = coercedQuery(request.query as Record<string, unknown>, definition.query);
    validators.validateQuery(query);
    validators.validateParams?.(request.params);
    let body: unknown;
    if (validators.validateBody) {
      body = definition.bodyOptional && !request.body ? {} : parseJson(request.body);
      state.body = body;
      validators.validateBody(body);
    }
    return {
      requestId: request.id,
      token: state.token,
      params: request.params as Record<string, string>,
      query,
      body,
      rawBody: typeof request.body === 'string' ? request.body : '',
      header: (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value.join(', ') : value;
      },
      openStream: (status, headers) => this.#openStream(request, reply, status, headers),
      gone: state.gone,
    };
  }

  async #authorise(
    request: FastifyRequest,
    reply: FastifyReply,
    needed: 'read' | 'write' | 'admin',
  ): Promise<void> {
    const text = bearerToken(request.headers.authorization);
    const record = text === null ? null : await this.#tokens.find(text);
    if (record === null) {
      if (!this.#tokens.loaded) {
        throw new ApiError(503, 'NOT_OPEN', 'This node has not read the tokens yet.', { retryable: true });
      }
      // Asking without a token is a mistake, not a guess.
      const waitS = text === null ? 0 : this.#failures.failed(request.ip);
      if (text !== null) this.#meter.wrongTokens++;
      if (waitS > 0) {
        throw new ApiError(
          429,
          'TOO_MANY_FAILURES',
          'Too many requests with a wrong token from this address.',
          {
            retryable: true,
            retryAfterS: waitS,
          },
        );
      }
      reply.header('www-authenticate', 'Bearer realm="skein"');
      throw new ApiError(
        401,
        'UNAUTHORIZED',
        text === null
          ? 'A token is needed: send the header "Authorization: Bearer <token>".'
          : 'This token is not known here, was revoked, or has expired.',
      );
    }
    if (request.skein) request.skein.token = record;
    this.#tokenUse.note(record.id);
    const waitS = record.rateLimit === null ? 0 : this.#limits.take(record.id, record.rateLimit);
    if (waitS > 0) {
      throw new ApiError(
        429,
        'RATE_LIMITED',
        `This token may ask ${record.rateLimit} times a second on each node, and asked more often.`,
        { retryable: true, retryAfterS: waitS },
      );
    }
    if (!roleCovers(record.role, needed)) {
      throw new ApiError(
        403,
        'FORBIDDEN',
        `This needs a token of role ${needed}; yours has role ${record.role}.`,
      );
    }
  }

  #openStream(
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

  #send(request: FastifyRequest, reply: FastifyReply, answer: HandlerReply): FastifyReply {
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
    return reply
      .code(answer.status ?? 200)
      .header('content-type', answer.contentType ?? 'application/json; charset=utf-8')
      .header('cache-control', 'no-store')
      .send(answer.contentType === undefined ? jsonLine(answer.body) : answer.body);
  }

  #sendError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
    const state = request.skein;
    const role = state?.token?.role ?? 'read';
    const failure = fromFramework(error) ?? toApiError(error, errorContext(this.#node, role));
    if (failure.status === 500) {
      this.#log.error(
        { requestId: request.id, path: pathOf(request), err: error },
        'request failed inside the node',
      );
    }
    if (state) {
      state.facts = { ...state.facts, outcome: failure.code, applied: failure.details.applied ?? 'no' };
    }
    if (failure.status === 429) this.#meter.limited++;
    if (failure.details.retryAfterS !== undefined) {
      reply.header('retry-after', String(failure.details.retryAfterS));
    }
    void reply
      .code(failure.status)
      .header('content-type', 'application/json; charset=utf-8')
      .send(jsonLine(failure.toBody(request.id)));
  }

  #addConsole(app: FastifyInstance, directory: string): void {
    const serve = async (name: string, request: FastifyRequest, reply: FastifyReply) => {
      const file = await readConsoleFile(directory, name);
      if (file === null) {
        throw new ApiError(404, 'NOT_FOUND', `There is nothing at ${request.method} ${pathOf(request)}.`);
      }
      return reply.headers(CONSOLE_HEADERS).header('content-type', file.type).send(file.bytes);
    };
    app.get('/', (request, reply) => serve('index.html', request, reply));
    app.get('/:file', (request, reply) => serve((request.params as { file: string }).file, request, reply));
  }

  #logRequest(request: FastifyRequest, status: number): void {
    const state = request.skein;
    const ms = state ? performance.now() - state.startedAt : null;
    this.#meter.ended(state?.endpoint ?? null, status, state?.isStream ? null : ms);
    const path = pathOf(request);
    const facts = {
      requestId: request.id,
      method: request.method,
      path,
      status,
      token: state?.token?.id ?? null,
      role: state?.token?.role ?? null,
      durationMs: ms === null ? null : Math.round(ms * 100) / 100,
      outcome: status < 400 ? 'ok' : 'error',
    };
    this.#audit.ended({
      request: facts,
      address: request.ip,
      facts: state?.facts ?? {},
      body: state?.body,
      endpoint: state?.endpoint ?? null,
    });
    const line = Object.assign(facts, state?.facts);
    if (isRoutine(state?.endpoint ?? null, status)) this.#log.debug(line, 'request');
    else this.#log.info(line, 'request');
  }
}

/** Ends as a line does: in a terminal, what follows an answer of curl begins on its own. */
function jsonLine(body: unknown): string {
  return `${typeof body === 'string' ? body : JSON.stringify(body)}\n`;
}

/** What is not worth a line each in a log that people read. Refusals are; a probe that hears "not ready" was not refused. */
function isRoutine(endpoint: EndpointDefinition | null, status: number): boolean {
  if (endpoint === null) return status < 400;
  return endpoint.polled === true && (status < 400 || endpoint.auth === null);
}

/** A body that is refused is still read, and thrown away, for so long. */
const DRAIN_MAX_MS = 10_000;

function drain(body: IncomingMessage): Promise<void> {
  if (body.readableEnded || body.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, DRAIN_MAX_MS);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    for (const event of ['end', 'error', 'close'] as const) body.once(event, done);
    body.resume();
  });
}

/** A client's own id is kept when it is harmless in a log. */
function requestId(header: string | string[] | undefined): string {
  if (typeof header === 'string' && /^[\w.:-]{1,64}$/.test(header)) return header;
  return newRequestId();
}

const REQUEST_ID_BYTES = 9;
/** Random bytes are asked for many at a time: one call costs more than a request may. */
const randomPool = Buffer.alloc(REQUEST_ID_BYTES * 256);
let randomUsed = randomPool.length;

function newRequestId(): string {
  if (randomUsed === randomPool.length) {
    randomFillSync(randomPool);
    randomUsed = 0;
  }
  randomUsed += REQUEST_ID_BYTES;
  return randomPool.toString('base64url', randomUsed - REQUEST_ID_BYTES, randomUsed);
}

/** Without the query: it could hold anything. */
function pathOf(request: FastifyRequest): string {
  return (request.url.split('?', 1)[0] ?? '').slice(0, 200);
}

/** @throws ApiError 400 INVALID_JSON */
function parseJson(text: unknown): unknown {
  if (typeof text !== 'string' || text === '') {
    throw new ApiError(400, 'INVALID_JSON', 'The request needs a JSON body.');
  }
  return parseExactJson(text);
}

/** Fastify's own refusals in our shape; null for what is not one of them. */
function fromFramework(error: Error): ApiError | null {
  const { code, statusCode } = error as FastifyError;
  if (typeof code !== 'string' || !code.startsWith('FST_')) return null;
  if (statusCode === 413) {
    return new ApiError(413, 'BODY_TOO_LARGE', 'The body is larger than 32 MiB.');
  }
  if (statusCode === undefined || statusCode >= 500) return null;
  return new ApiError(statusCode, statusCode === 404 ? 'NOT_FOUND' : 'INVALID_REQUEST', error.message);
}

/** What is not HTTP at all never becomes a request; the answer still has our shape. */
function refuseBrokenRequest(error: Error & { code?: string }, socket: import('node:net').Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const status = tooLarge ? 431 : 400;
  const failure = new ApiError(
    status,
    tooLarge ? 'HEADERS_TOO_LARGE' : 'INVALID_REQUEST',
    tooLarge ? 'The request has too many or too long headers.' : 'This is not an HTTP request.',
  );
  const body = JSON.stringify(failure.toBody(requestId(undefined)));
  socket.end(
    `HTTP/1.1 ${status} ${tooLarge ? 'Request Header Fields Too Large' : 'Bad Request'}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

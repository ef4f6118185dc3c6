/**
 * The node's HTTP server: routes from the endpoint definitions, errors in one shape, one log line for each request. Order of
 * refusals: 503 for a connection too many, 401 before the body is even read, then 403, 413, 421, 400.
 * It knows the cluster only through NodeView.
 */

import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { Server as TlsServer } from 'node:tls';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { ApiError } from '../api/api-error.js';
import type { NodeView } from '../api/node-view.js';
import type { AuditStyle } from '../audit/request-lines.js';
import { ownToken } from '../auth/own-token.js';
import { TokenCopy } from '../auth/token-copy.js';
import { TokenStore } from '../auth/token-store.js';
import { TokenUse } from '../auth/token-use.js';
import { HTTP_CONSTANTS, HTTP_LIMITS, type HttpLimits } from '../config/http-limits.js';
import { messageOf, SkeinError } from '../model/error.js';
import { answerRoom } from '../sql/answer-room.js';
import { Outcomes } from '../sql/outcomes.js';
import { SessionPool } from '../sql/session-pool.js';
import { JoinTokenTable } from '../sql/system/join-token-table.js';
import { SystemTable } from '../sql/system/system-table.js';
import { TokenTable } from '../sql/system/token-table.js';
import { UserTable } from '../sql/system/user-table.js';
import { OpenTransactions } from '../sql/transactions.js';
import { ByteBudget } from '../std/byte-budget.js';
import { Cancellation } from '../std/cancellation.js';
import { endOfTurn } from '../std/end-of-turn.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import { wantsGzip } from './accept.js';
import { Answers, notFound, openStream } from './answers.js';
import { Authoriser } from './authorise.js';
import { Connections } from './connections.js';
import { readConsoleFile } from './console-files.js';
import type { EndpointDefinition } from './endpoints/definition.js';
import type { Handler, HandlerModules } from './handlers/context.js';
import { HeldRequests } from './held-requests.js';
import { JoinDesk } from './join-desk.js';
import { LiveTokens } from './live-tokens.js';
import { allowMembers } from './member-origins.js';
import { refuseBrokenRequest, thenDrained } from './refusals.js';
import { type BodyLimit, readBody } from './request-body.js';
import { requestId } from './request-id.js';
import { inputReader } from './request-input.js';
import { RequestLines } from './request-lines.js';
import { RequestMeter } from './request-meter.js';
import { hasBody, RequestState } from './request-state.js';
import { ROUTES } from './routes.js';

/** One token alone gets three quarters of them: enough to keep two cores busy with writes that wait for their quorum. */
const SESSIONS_PER_ROLE = 64;
const WAITERS_PER_ROLE = 1000;
/** A name of 64 characters, each of them four bytes that are escaped. */
const PARAM_MAX = 64 * 4 * 3;
/** Long enough for a client that was cut off overnight to ask for the outcome of its write. */
const OUTCOME_KEEP_MS = 24 * 3_600_000;
const OUTCOME_PURGE_INTERVAL_MS = 60_000;
/** Time for running requests when the node stops. */
const STOP_GRACE_MS = 1000;
/** How often Node checks for late requests and headers: a fifth of the shorter of the two time limits. */
const LATE_CHECK_MS = 2000;

export interface HttpServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Directory of the console's files; null = none. */
  readonly consoleDir: string | null;
  /** With it the server speaks HTTPS only. */
  readonly tls?: TlsSource | null;
  /** Existing directory for state that survives a restart (last uses of tokens). Without it, that is in memory only. */
  readonly stateDir?: string;
  /** Default: literals masked, no parameters. */
  readonly auditStyle?: AuditStyle;
  readonly tokenRefreshMs?: number;
  /** File with the only token of a node that has no database for tokens; undefined = the tokens are in the database. */
  readonly ownTokenFile?: string | undefined;
  /** How long outcomes of writes with an idempotency key are kept; default a day. */
  readonly outcomeKeepMs?: number;
  readonly outcomePurgeIntervalMs?: number;
  /** Sessions on the local server for the tokens of each role; default 64. */
  readonly sessionsPerRole?: number;
  /** Limits that are not given have their defaults. */
  readonly limits?: Partial<HttpLimits>;
  /** How long a request waits for an open primary; default 0: it does not wait. */
  readonly primaryWaitMs?: number;
}

export interface HttpServerModules {
  readonly node: NodeView;
  readonly log: Logger;
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #node: NodeView;
  readonly #log: Logger;
  readonly #limits: HttpLimits;
  readonly #tokens: TokenStore;
  readonly #systemTable: SystemTable;
  readonly #tokenTable: TokenTable;
  readonly #pools: Record<'read' | 'write' | 'admin', SessionPool>;
  readonly #tokenUse: TokenUse;
  readonly #transactions: OpenTransactions;
  readonly #outcomes: Outcomes;
  readonly #held: HeldRequests;
  readonly #meter: RequestMeter;
  readonly #lines: RequestLines;
  readonly #authoriser: Authoriser;
  readonly #live: LiveTokens;
  readonly #connections: Connections;
  readonly #bodies: ByteBudget;
  readonly #answersInMemory: ByteBudget;
  readonly #answers: Answers;
  readonly #openStreams = new Set<() => void>();
  readonly #stopping = new Cancellation();
  #closing = false;
  #offTls: (() => void) | null = null;
  readonly #app: FastifyInstance;

  constructor(options: HttpServerOptions, modules: HttpServerModules) {
    this.#options = options;
    this.#node = modules.node;
    this.#log = modules.log;
    this.#limits = { ...HTTP_LIMITS, ...options.limits };
    this.#bodies = new ByteBudget({ bytesMax: this.#limits.bodiesBytesMax });
    this.#answersInMemory = new ByteBudget({ bytesMax: this.#limits.answersBytesMax });
    this.#connections = new Connections({ ...this.#limits, halfClosedMs: HTTP_CONSTANTS.halfClosedMs });
    this.#held = new HeldRequests(
      { waitMs: options.primaryWaitMs ?? 0, heldMax: HTTP_CONSTANTS.heldRequestsMax },
      { node: modules.node, stopping: this.#stopping },
    );
    this.#meter = new RequestMeter(
      ROUTES.map(([definition]) => definition),
      {
        connections: () => this.#connections.metrics(),
        bodiesBytes: () => this.#bodies.used,
        answersBytes: () => this.#answersInMemory.used,
        held: () => this.#held.counts,
      },
    );
    this.#answers = new Answers({ node: modules.node, log: modules.log, meter: this.#meter });
    this.#systemTable = new SystemTable({ node: modules.node });
    this.#tokenTable = new TokenTable({ table: this.#systemTable });
    const { ownTokenFile } = options;
    this.#tokens = new TokenStore(
      options.tokenRefreshMs === undefined ? {} : { refreshIntervalMs: options.tokenRefreshMs },
      {
        load: () => (ownTokenFile === undefined ? this.#tokenTable.load() : ownToken(ownTokenFile)),
        log: modules.log,
        copy:
          options.stateDir && ownTokenFile === undefined
            ? new TokenCopy({ directory: options.stateDir }, modules)
            : null,
      },
    );
    this.#tokenUse = new TokenUse({ directory: options.stateDir ?? null }, { log: modules.log });
    this.#authoriser = new Authoriser({
      tokens: this.#tokens,
      tokenUse: this.#tokenUse,
      meter: this.#meter,
      unknown: () => (ownTokenFile === undefined ? null : unknownHere(modules.node)),
    });
    this.#live = new LiveTokens(this.#tokens);
    this.#lines = new RequestLines(options.auditStyle ?? { statements: 'masked', parameters: false }, {
      node: modules.node,
      log: modules.log,
      meter: this.#meter,
    });
    const sessionsMax = options.sessionsPerRole ?? SESSIONS_PER_ROLE;
    const pool = (account: 'skein_read' | 'skein_write' | 'skein_admin') =>
      new SessionPool(
        { account, sessionsMax, waitersMax: WAITERS_PER_ROLE },
        { server: () => modules.node.server(), sql: modules.node.flavour.sql },
      );
    this.#pools = { read: pool('skein_read'), write: pool('skein_write'), admin: pool('skein_admin') };
    this.#outcomes = new Outcomes(
      {
        keepMs: options.outcomeKeepMs ?? OUTCOME_KEEP_MS,
        purgeIntervalMs: options.outcomePurgeIntervalMs ?? OUTCOME_PURGE_INTERVAL_MS,
      },
      modules,
    );
    this.#transactions = new OpenTransactions(
      // Half, so that transactions never keep single requests out.
      { perRoleMax: Math.floor(sessionsMax / 2) },
      {
        node: modules.node.name,
        log: modules.log,
        generation: () => modules.node.server()?.generation ?? null,
      },
    );
    this.#tokens.onRefresh.on(() => {
      this.#live.check();
      this.#transactions.endRevoked((tokenId, hash) => this.#tokens.refusal(tokenId, hash));
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
        : new SkeinError('LISTEN_FAILED', `HTTP cannot listen on ${host}:${port}: ${messageOf(error)}`, {
            cause: error,
          });
    }
    await this.#tokenUse.start();
    await this.#tokens.start();
    this.#outcomes.start();
    const address = this.#app.server.address() as AddressInfo;
    return { host, port: address.port };
  }

  /** Closes the sessions that no request uses; call it when the server restarts or changes its role (rule C10). */
  dropSessions(): void {
    this.#transactions.dropIdle();
    for (const pool of Object.values(this.#pools)) pool.dropIdle();
  }

  /**
   * Ends streams, gives running requests a moment, answers those that still wait then (a write without its quorum as
   * unknown), and closes the sessions.
   */
  async stop(): Promise<void> {
    this.#tokens.stop();
    for (const end of this.#openStreams) end();
    this.#closing = true;
    const timers = [
      setTimeout(() => this.#stopping.cancel(), STOP_GRACE_MS),
      // A client that does not read its answer must not keep the node alive.
      setTimeout(() => this.#app.server.closeAllConnections(), 2 * STOP_GRACE_MS),
    ];
    await this.#app.close();
    for (const timer of timers) clearTimeout(timer);
    this.#connections.stop();
    this.#transactions.close();
    this.#outcomes.close();
    this.#offTls?.();
    for (const pool of Object.values(this.#pools)) pool.close();
    this.#systemTable.close();
    await this.#tokenUse.stop();
  }

  #build(): FastifyInstance {
    const app = this.#framework();
    // Any content type is read as JSON, because `curl -d` sends another one. That is safe, because a token, not a cookie,
    // authorises a request.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (request: FastifyRequest) => this.#readBody(request));
    app.decorateRequest('skein', null);
    app.addHook('onRequest', (request, reply, done) => {
      this.#begin(request, reply);
      if (this.#closing) done(new ApiError(503, 'NOT_OPEN', 'This node is stopping.', { retryable: true }));
      else done();
    });
    allowMembers(app, () => this.#node.memberOrigins());
    app.addHook('onSend', (request, reply, payload, done) => {
      const { raw } = request;
      // Otherwise a kept-alive connection would hold the closing server for its whole idle time.
      if (this.#closing) reply.header('connection', 'close');
      if (raw.complete || !hasBody(raw)) return done(null, payload);
      const text = String(payload ?? '');
      reply.headers({ connection: 'close', 'content-length': Buffer.byteLength(text) });
      request.skein?.answered();
      done(null, Readable.from(thenDrained(text, raw)));
    });
    app.addHook('onResponse', (request, reply, done) => {
      this.#lines.ended(request, reply.statusCode);
      done();
    });
    app.setErrorHandler<FastifyError>((error, request, reply) =>
      this.#answers.sendError(error, request, reply),
    );
    app.setNotFoundHandler((request, reply) => this.#answers.sendError(notFound(request), request, reply));
    const joinTokens = new JoinTokenTable({ table: this.#systemTable });
    const modules: HandlerModules = {
      node: this.#node,
      tokens: this.#tokens,
      tokenTable: this.#tokenTable,
      tokenUse: this.#tokenUse,
      systemTable: this.#systemTable,
      joinTokens,
      joinDesk: new JoinDesk({ node: this.#node, tokens: joinTokens, log: this.#log }),
      users: new UserTable({ table: this.#systemTable, node: this.#node }),
      sql: {
        node: this.#node,
        pools: this.#pools,
        transactions: this.#transactions,
        outcomes: this.#outcomes,
        log: this.#log,
        stopping: this.#stopping,
      },
      held: this.#held,
      openStreams: this.#openStreams,
      meter: this.#meter,
    };
    for (const [definition, handler] of ROUTES) this.#addRoute(app, definition, handler, modules);
    if (this.#options.consoleDir !== null) this.#addConsole(app, this.#options.consoleDir);
    return app;
  }

  #framework(): FastifyInstance {
    const tls = this.#options.tls ?? null;
    const times = {
      headersTimeout: HTTP_CONSTANTS.headersTimeoutMs,
      connectionsCheckingInterval: LATE_CHECK_MS,
    };
    const app = Fastify({
      logger: false,
      genReqId: (request) => requestId(request.headers['x-request-id']),
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: PARAM_MAX },
      forceCloseConnections: 'idle',
      // The hook below refuses it in the form of every other refusal.
      return503OnClosing: false,
      requestTimeout: HTTP_CONSTANTS.requestTimeoutMs,
      keepAliveTimeout: HTTP_CONSTANTS.keepAliveMs,
      connectionTimeout: HTTP_CONSTANTS.stalledAnswerMs,
      frameworkErrors: (error, request, reply) => this.#answers.sendError(error, request, reply),
      clientErrorHandler: refuseBrokenRequest,
      ...(tls ? { https: { ...tls.current, ...times } } : { http: times }),
    }) as FastifyInstance;
    // Open connections keep the certificate with which they began.
    if (tls)
      this.#offTls = tls.onChange.on(() =>
        (app.server as unknown as TlsServer).setSecureContext(tls.current),
      );
    this.#connections.guard(app.server, { tls: tls !== null });
    return app;
  }

  #begin(request: FastifyRequest, reply: FastifyReply): void {
    const state = new RequestState();
    request.skein = state;
    this.#meter.inFlight++;
    const connection = this.#connections.requestBegins(request.raw.socket);
    state.known = connection.known;
    state.answered = connection.ends;
    const response = reply.raw;
    response.once('close', () => {
      this.#meter.inFlight--;
      connection.ends();
      state.closed.cancel();
      if (!response.writableFinished) state.gone.cancel();
    });
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
  }

  #addRoute(
    app: FastifyInstance,
    definition: EndpointDefinition,
    handler: Handler,
    modules: HandlerModules,
  ): void {
    const readInput = inputReader(definition);
    app.route({
      method: definition.method,
      url: definition.path,
      // Before the body is read: a client without a token must not make the node read it.
      onRequest: async (request, reply) => {
        const state = request.skein;
        if (state) state.endpoint = definition;
        if (definition.auth === null) return;
        await this.#authoriser.authorise(request, reply, definition.auth);
        state?.known();
        state?.closed.on(this.#live.begin(state, request.headers.authorization));
      },
      handler: async (request, reply) => {
        const state = request.skein ?? new RequestState();
        const held = this.#answersInMemory.hold(holderOf(state));
        state.closed.on(() => held.release());
        const input = readInput({
          request,
          state,
          answerRoom: answerRoom(this.#limits.answerBytesMax, held),
          openStream: (status, headers) => openStream(request, reply, status, headers),
        });
        await endOfTurn();
        const answer = await handler(input, modules);
        await endOfTurn();
        return await this.#answers.send(request, reply, answer);
      },
    });
  }

  #addConsole(app: FastifyInstance, directory: string): void {
    const serve = async (name: string, request: FastifyRequest, reply: FastifyReply) => {
      const gzip = wantsGzip(request.headers['accept-encoding']);
      const memberOrigins = this.#node.memberOrigins();
      const file = await readConsoleFile(directory, name, { gzip, memberOrigins });
      if (file === null) throw notFound(request);
      return reply.headers(file.headers).send(file.bytes);
    };
    app.get('/', (request, reply) => serve('index.html', request, reply));
    app.get('/:file', (request, reply) => serve((request.params as { file: string }).file, request, reply));
  }

  /** The body of a request without an endpoint is not read: the answer does not depend on it. */
  async #readBody(request: FastifyRequest): Promise<string> {
    const state = request.skein;
    if (!state?.endpoint) return '';
    const held = this.#bodies.hold(holderOf(state));
    state.closed.on(() => held.release());
    return await readBody(request.raw, this.#bodyLimit(state), held);
  }

  #bodyLimit({ endpoint, token }: RequestState): BodyLimit {
    const { bodyBytesMax, readBodyBytesMax } = this.#limits;
    if (!endpoint?.largeBody) {
      return { bytesMax: HTTP_CONSTANTS.smallBodyBytesMax, name: 'smallBodyBytesMax' };
    }
    return token?.role === 'read'
      ? { bytesMax: readBodyBytesMax, name: 'httpReadBodyBytesMax' }
      : { bytesMax: bodyBytesMax, name: 'httpBodyBytesMax' };
  }
}

/** Whose share of a budget a request takes. */
function holderOf({ token }: RequestState): string {
  return token?.id ?? '';
}

/** Why a token may be unknown on a node that has only its own. */
function unknownHere(node: NodeView): string {
  const primary = node.primaryHttp();
  const where = primary === null ? 'a node with a server' : `the primary at ${primary}`;
  return `${node.name} is a witness: it has no database, so it knows only its own token (admin.token in its directory). Use the tokens of the cluster on ${where}.`;
}

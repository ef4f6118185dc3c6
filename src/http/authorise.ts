/** Checks the token of a request, its rate limit and its role. All of it happens before the body is read. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/api-error.js';
import { FailureLimit } from '../auth/failure-limit.js';
import { bearerToken, roleCovers, type TokenRole } from '../auth/token.js';
import { TokenLimits } from '../auth/token-limits.js';
import type { TokenStore } from '../auth/token-store.js';
import type { TokenUse } from '../auth/token-use.js';
import type { RequestMeter } from './request-meter.js';

const FAILURES_PER_MINUTE = 20;

export interface AuthoriserModules {
  readonly tokens: TokenStore;
  readonly tokenUse: TokenUse;
  readonly meter: RequestMeter;
  /** What there is to say of a token that is not known; null = nothing. */
  unknown(): string | null;
}

export class Authoriser {
  readonly #modules: AuthoriserModules;
  readonly #limits = new TokenLimits();
  readonly #failures = new FailureLimit({ failuresMax: FAILURES_PER_MINUTE, windowMs: 60_000 });

  constructor(modules: AuthoriserModules) {
    this.#modules = modules;
  }

  /**
   * Sets the token of the request's state.
   * @throws ApiError 401 UNAUTHORIZED, 403 FORBIDDEN, 429 TOO_MANY_FAILURES | RATE_LIMITED, 503 NOT_OPEN
   */
  async authorise(request: FastifyRequest, reply: FastifyReply, needed: TokenRole): Promise<void> {
    const { tokens, tokenUse } = this.#modules;
    const text = bearerToken(request.headers.authorization);
    const record = text === null ? null : await tokens.find(text);
    if (record === null) throw this.#refuseUnknown(request.ip, reply, text !== null);
    if (request.skein) request.skein.token = record;
    tokenUse.note(record.id);
    const waitS = record.rateLimit === null ? 0 : this.#limits.take(record.id, record.rateLimit);
    if (waitS > 0) {
      throw new ApiError(
        429,
        'RATE_LIMITED',
        `This token is limited to ${record.rateLimit} requests per second on each node.`,
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

  #refuseUnknown(address: string, reply: FastifyReply, guessed: boolean): ApiError {
    const { tokens, meter } = this.#modules;
    const hint = this.#modules.unknown();
    if (!tokens.loaded) {
      return new ApiError(503, 'NOT_OPEN', 'This node has not read the tokens yet.', { retryable: true });
    }
    // A request without a token is a mistake, not an attempt to guess one.
    const waitS = guessed ? this.#failures.failed(address) : 0;
    if (guessed) meter.wrongTokens++;
    if (waitS > 0) {
      return new ApiError(
        429,
        'TOO_MANY_FAILURES',
        'Too many requests with a wrong token from this address.',
        { retryable: true, retryAfterS: waitS },
      );
    }
    reply.header('www-authenticate', 'Bearer realm="skein"');
    return new ApiError(
      401,
      'UNAUTHORIZED',
      guessed
        ? `This token is not known here, was revoked, or has expired.${hint === null ? '' : ` ${hint}`}`
        : 'A token is needed: send the header "Authorization: Bearer <token>".',
    );
  }
}

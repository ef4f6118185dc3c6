/**
 * The requests and streams that run with each token. When a token is no longer valid (revoked, rotated, expired), they are
 * ended, at the latest when the tokens are read again.
 */
import { bearerToken, hashToken } from '../auth/token.js';
import type { TokenStore } from '../auth/token-store.js';
import type { RequestState } from './request-state.js';

interface LiveRequest {
  readonly state: RequestState;
  readonly authorization: string | undefined;
}

export class LiveTokens {
  readonly #tokens: TokenStore;
  readonly #requests = new Set<LiveRequest>();

  constructor(tokens: TokenStore) {
    this.#tokens = tokens;
  }

  /** A request was admitted. Call the returned function at its end. */
  begin(state: RequestState, authorization: string | undefined): () => void {
    const live = { state, authorization };
    this.#requests.add(live);
    return () => this.#requests.delete(live);
  }

  /** Call it each time the tokens have been read again. */
  check(): void {
    for (const live of this.#requests) {
      const { state, authorization } = live;
      const text = bearerToken(authorization);
      if (state.token === null || text === null) continue;
      const reason = this.#tokens.refusal(state.token.id, hashToken(text));
      if (reason === null) continue;
      this.#requests.delete(live);
      state.revokedBecause = reason;
      state.revoked.cancel();
      state.gone.cancel();
    }
  }
}

/**
 * What goes on under a token between its beginning and its end: requests, streams. When the token does not count any more
 * (revoked, rotated, expired), they are told, so that nothing goes on for longer than the tokens are looked at again.
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

  /** A request was let in. The answer is called at its end. */
  begin(state: RequestState, authorization: string | undefined): () => void {
    const live = { state, authorization };
    this.#requests.add(live);
    return () => this.#requests.delete(live);
  }

  /** Call it whenever the tokens were read again. */
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

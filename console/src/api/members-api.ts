/** The list of members, and the comparison of their rows. The primary is asked: it alone changes and compares. */
import type { NewJoinToken, SkeinClient, VerifyDocument } from '../../../client/src/index.js';
import type { VerifyOrder } from '../state/verify.js';

const LOOK_TIMEOUT_MS = 4000;
const CHANGE_TIMEOUT_MS = 30_000;

export class MembersApi {
  readonly #client: SkeinClient;
  readonly #primary: () => string;

  constructor(client: SkeinClient, primary: () => string) {
    this.#client = client;
    this.#primary = primary;
  }

  joinToken(): Promise<NewJoinToken> {
    const order = { node: this.#primary(), body: {}, timeoutMs: CHANGE_TIMEOUT_MS };
    return this.#client.call('postJoinTokens', order);
  }

  remove(name: string): Promise<unknown> {
    const order = { node: this.#primary(), params: { name }, timeoutMs: CHANGE_TIMEOUT_MS };
    return this.#client.call('deleteMember', order);
  }

  comparison(signal: AbortSignal): Promise<VerifyDocument> {
    return this.#client.call('getVerify', { node: this.#primary(), signal, timeoutMs: LOOK_TIMEOUT_MS });
  }

  compare(body: VerifyOrder): Promise<unknown> {
    return this.#client.call('postVerify', { node: this.#primary(), body, timeoutMs: CHANGE_TIMEOUT_MS });
  }

  endComparison(): Promise<unknown> {
    return this.#client.call('deleteVerify', { node: this.#primary(), timeoutMs: CHANGE_TIMEOUT_MS });
  }
}

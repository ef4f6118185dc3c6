/** Who may ask the node, and what its server is busy with. For administrators. */
import type {
  NewToken,
  RotatedToken,
  RunningStatements,
  SkeinClient,
  TokenList,
} from '../../../client/src/index.js';
import type { TokenOrder } from '../state/tokens.js';

const LOOK_TIMEOUT_MS = 4000;
const CHANGE_TIMEOUT_MS = 30_000;

export class AccessApi {
  readonly #client: SkeinClient;
  readonly #node: () => string;

  constructor(client: SkeinClient, node: () => string) {
    this.#client = client;
    this.#node = node;
  }

  tokens(signal: AbortSignal): Promise<TokenList> {
    return this.#client.call('getTokens', { node: this.#node(), signal, timeoutMs: LOOK_TIMEOUT_MS });
  }

  createToken(body: TokenOrder): Promise<NewToken> {
    return this.#client.call('postTokens', { node: this.#node(), body, timeoutMs: CHANGE_TIMEOUT_MS });
  }

  rotateToken(id: string, graceSeconds: number): Promise<RotatedToken> {
    const order = { params: { id }, body: { graceSeconds }, timeoutMs: CHANGE_TIMEOUT_MS };
    return this.#client.call('rotateToken', { node: this.#node(), ...order });
  }

  revokeToken(id: string): Promise<unknown> {
    const order = { params: { id }, timeoutMs: CHANGE_TIMEOUT_MS };
    return this.#client.call('deleteToken', { node: this.#node(), ...order });
  }

  statements(signal: AbortSignal): Promise<RunningStatements> {
    return this.#client.call('getStatements', { node: this.#node(), signal, timeoutMs: LOOK_TIMEOUT_MS });
  }

  endStatement(id: number): Promise<unknown> {
    const order = { params: { id: String(id) }, timeoutMs: CHANGE_TIMEOUT_MS };
    return this.#client.call('deleteStatement', { node: this.#node(), ...order });
  }
}

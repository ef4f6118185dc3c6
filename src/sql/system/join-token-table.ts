/** Join tokens as HTTP changes them; see auth/join-tokens.ts. */

import { ApiError } from '../../api/api-error.js';
import type { Committed } from '../../api/node-view.js';
import {
  DELETE_JOIN_TOKEN,
  DELETE_OLD_JOIN_TOKENS,
  GIVE_BACK_JOIN_TOKEN,
  INSERT_JOIN_TOKEN,
  type JoinTokenRecord,
  loadJoinTokens,
  USE_JOIN_TOKEN,
} from '../../auth/join-tokens.js';
import type { SystemTable } from './system-table.js';

/** Each change waits for its quorum like any other write. */
const TIMEOUT_MS = 10_000;

/** The one that shows a token. */
export interface TokenUser {
  /** Name of the member that it becomes. */
  readonly name: string;
  /** Its key of the exchange. */
  readonly key: string;
}

export class JoinTokenTable {
  readonly #table: SystemTable;

  constructor(modules: { table: SystemTable }) {
    this.#table = modules.table;
  }

  list(): Promise<JoinTokenRecord[]> {
    return loadJoinTokens(this.#table.reader);
  }

  /** `lifeS`: seconds. @throws ApiError 421, 503, 504 */
  async create(id: string, lifeS: number): Promise<Committed> {
    await this.#table.write(DELETE_OLD_JOIN_TOKENS, [], TIMEOUT_MS);
    const committed = await this.#table.write(INSERT_JOIN_TOKEN, [id, String(lifeS)], TIMEOUT_MS);
    if (committed === null) throw new Error('an INSERT changed nothing');
    return committed;
  }

  /** @throws ApiError 404 when there is no such token, 421, 503, 504 */
  async revoke(id: string): Promise<Committed> {
    const committed = await this.#table.write(DELETE_JOIN_TOKEN, [id], TIMEOUT_MS);
    if (committed === null) throw new ApiError(404, 'NOT_FOUND', 'There is no such join token.');
    return committed;
  }

  /**
   * Says whether this user has it already, and asks again because it did not get the answer. `name`: null = any.
   * @throws ApiError 403 JOIN_TOKEN_UNKNOWN | JOIN_TOKEN_USED | JOIN_TOKEN_EXPIRED when this user may not have it
   */
  async isHadBy(id: string, { name, key }: { name: string | null; key: string }): Promise<boolean> {
    this.#table.refuseUnlessOpen();
    const record = (await this.list()).find((one) => one.id === id);
    if (!record) {
      throw new ApiError(
        403,
        'JOIN_TOKEN_UNKNOWN',
        'This join token was revoked, or ended more than a day ago. Make another one: skein token join',
      );
    }
    const isSame = record.usedKey === key && (name === null || record.usedBy === name);
    if (isSame && record.isAnswering) return true;
    if (record.usedAt !== null) {
      throw new ApiError(
        403,
        'JOIN_TOKEN_USED',
        `This join token was used by ${record.usedBy} at ${record.usedAt}. Each works once; make another one: skein token join`,
      );
    }
    if (record.isExpired) {
      throw new ApiError(
        403,
        'JOIN_TOKEN_EXPIRED',
        `This join token ended at ${record.expiresAt}. Make another one: skein token join`,
      );
    }
    return false;
  }

  /**
   * Resolves when a quorum has it that `user` has used the token. True: with this call; false: with an earlier one.
   * @throws ApiError as isHadBy, 504
   */
  async use(id: string, user: TokenUser): Promise<boolean> {
    for (;;) {
      const taken = await this.#table.write(USE_JOIN_TOKEN, [user.name, user.key, id], TIMEOUT_MS);
      if (taken !== null) return true;
      if (await this.isHadBy(id, user)) return false;
      // Another machine had it for a moment, and was refused: now it is free.
    }
  }

  /** For a user that was refused after all. @throws ApiError 421, 503, 504 */
  async giveBack(id: string, user: TokenUser): Promise<void> {
    await this.#table.write(GIVE_BACK_JOIN_TOKEN, [id, user.key], TIMEOUT_MS);
  }
}

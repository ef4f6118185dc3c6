/** The table of tokens; see auth/system-schema.ts. */

import { ApiError } from '../../api/api-error.js';
import type { Committed } from '../../api/node-view.js';
import {
  DELETE_TOKEN,
  INSERT_TOKEN,
  loadTokens,
  ROTATE_TOKEN,
  type TokenRecord,
} from '../../auth/system-schema.js';
import type { SystemTable } from './system-table.js';

export class TokenTable {
  readonly #table: Pick<SystemTable, 'reader' | 'isReady' | 'write'>;

  constructor(modules: { table: Pick<SystemTable, 'reader' | 'isReady' | 'write'> }) {
    this.#table = modules.table;
  }

  /** As this node's server has them; null when they have not arrived: the server of a new replica is empty at first. */
  async load(): Promise<TokenRecord[] | null> {
    const tokens = await loadTokens(this.#table.reader);
    return tokens?.length === 0 && !this.#table.isReady ? null : tokens;
  }

  insert(
    values: readonly [
      id: string,
      name: string,
      role: string,
      hash: string,
      expiresAt: string | null,
      rateLimit: string | null,
    ],
    timeoutMs: number,
  ): Promise<Committed> {
    return this.#write(INSERT_TOKEN, values, timeoutMs);
  }

  /** @throws ApiError 404 when there is no such token */
  delete(id: string, timeoutMs: number): Promise<Committed> {
    return this.#write(DELETE_TOKEN, [id], timeoutMs);
  }

  /** @throws ApiError 404 when there is no such token */
  rotate(id: string, hash: string, previousUntil: string | null, timeoutMs: number): Promise<Committed> {
    return this.#write(ROTATE_TOKEN, [hash, previousUntil, id], timeoutMs);
  }

  async #write(sql: string, values: readonly (string | null)[], timeoutMs: number): Promise<Committed> {
    const committed = await this.#table.write(sql, values, timeoutMs);
    if (committed === null) throw new ApiError(404, 'NOT_FOUND', 'There is no such token.');
    return committed;
  }
}

/**
 * The tokens as this node knows them: a copy in memory of the local server's table, refreshed often enough that a
 * revocation is effective everywhere within about a second. While the server is down the last copy stays valid, also over a
 * restart of the node, so that an operator can inspect and mend the cluster. Without a copy every token is refused.
 */
import { messageOf } from '../model/error.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';

import { sleep, withDeadline } from '../std/timing.js';
import type { TokenRecord } from './system-schema.js';
import { hashToken, isTokenShaped, sameHash } from './token.js';
import type { TokenCopy } from './token-copy.js';

export interface TokenStoreOptions {
  /** Twice within the second that revoking may take. */
  readonly refreshIntervalMs?: number;
}

export interface TokenStoreModules {
  /** null: there is no table of tokens yet. */
  readonly load: () => Promise<readonly TokenRecord[] | null>;
  readonly log: Logger;
  /** Null = no copy survives this process. */
  readonly copy?: Pick<TokenCopy, 'load' | 'save'> | null;
  readonly now?: () => number;
}

/** An unknown token makes the node ask the server again, but not more often than this: guessing must not load the server. */
const EXTRA_LOAD_INTERVAL_MS = 100;
/** A stopped server must not delay requests with an unknown token. */
const LOAD_TIMEOUT_MS = 2000;

export class TokenStore {
  readonly #load: TokenStoreModules['load'];
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #copy: Pick<TokenCopy, 'load' | 'save'> | null;
  readonly #intervalMs: number;
  #byHash: Map<string, TokenRecord> | null = null;
  #loading: Promise<void> | null = null;
  #again: Promise<void> | null = null;
  #loadedAt = Number.NEGATIVE_INFINITY;
  #failing = false;
  /** Emitted whenever the table was read, whether it has changed or not: tokens also expire. */
  readonly onRefresh = new Emitter<void>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: TokenStoreOptions, modules: TokenStoreModules) {
    this.#intervalMs = options.refreshIntervalMs ?? 500;
    this.#load = modules.load;
    this.#log = modules.log;
    this.#now = modules.now ?? Date.now;
    this.#copy = modules.copy ?? null;
  }

  async start(): Promise<void> {
    const copied = (await this.#copy?.load()) ?? null;
    if (copied !== null) this.#byHash ??= byHash(copied);
    this.#timer ??= setInterval(() => void this.refresh(), this.#intervalMs);
    this.#timer.unref();
    void this.refresh();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** False until the tokens have been read once. */
  get loaded(): boolean {
    return this.#byHash !== null;
  }

  all(): readonly TokenRecord[] {
    return [...new Set(this.#byHash?.values() ?? [])];
  }

  /** Reads the table now; never rejects. Calls that come while one is under way share it. */
  refresh(): Promise<void> {
    this.#loading ??= this.#read().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** The token's record; null for an unknown or expired one. */
  async find(token: string): Promise<TokenRecord | null> {
    if (!isTokenShaped(token)) return null;
    const hash = hashToken(token);
    const known = this.#look(hash);
    if (known) return known;
    // The token may have been created a moment ago: a load that began before this request may have missed it.
    await this.#loadAgain();
    return this.#look(hash);
  }

  /**
   * Why a token that was admitted is no longer valid; null while it is. `hash`: of the token text that the client has; a
   * rotation changes the text.
   */
  refusal(id: string, hash: string): string | null {
    if (this.#byHash === null || this.#look(hash)) return null;
    const now = this.#now();
    const record = this.all().find((one) => one.id === id);
    if (!record) return 'the token was revoked';
    const isExpired = record.expiresAt !== null && Date.parse(record.expiresAt) <= now;
    return isExpired ? 'the token has expired' : 'the token was rotated';
  }

  /** Loads once, beginning after the call. Concurrent callers share the load. */
  #loadAgain(): Promise<void> {
    this.#again ??= this.#loadLater();
    return this.#again;
  }

  async #loadLater(): Promise<void> {
    const waitMs = this.#loadedAt + EXTRA_LOAD_INTERVAL_MS - this.#now();
    if (waitMs > 0) await sleep(waitMs);
    await this.#loading;
    this.#again = null;
    await this.refresh();
  }

  #look(hash: string): TokenRecord | null {
    const record = this.#byHash?.get(hash);
    if (!record) return null;
    if (record.expiresAt !== null && Date.parse(record.expiresAt) <= this.#now()) return null;
    if (sameHash(record.hash, hash)) return record;
    const { previous } = record;
    const counts = previous !== null && Date.parse(previous.until) > this.#now();
    return counts && sameHash(previous.hash, hash) ? record : null;
  }

  async #read(): Promise<void> {
    this.#loadedAt = this.#now();
    try {
      const records = await withDeadline(this.#load(), LOAD_TIMEOUT_MS, 'reading the tokens');
      // On a new replica the table has not arrived yet, so an unknown token may be valid.
      if (records !== null) {
        this.#byHash = byHash(records);
        void this.#copy?.save(records);
      }
      if (this.#failing) this.#log.info({}, 'tokens are read again');
      this.#failing = false;
    } catch (error) {
      // Logged once: the server's own state is logged elsewhere.
      if (!this.#failing) this.#log.warn({ reason: messageOf(error) }, 'tokens cannot be read now');
      this.#failing = true;
    }
    this.onRefresh.emit();
  }
}

/** A rotated token is found by its old hash too, as long as that counts. */
function byHash(records: readonly TokenRecord[]): Map<string, TokenRecord> {
  const map = new Map<string, TokenRecord>();
  for (const record of records) {
    if (record.previous) map.set(record.previous.hash, record);
  }
  for (const record of records) map.set(record.hash, record);
  return map;
}

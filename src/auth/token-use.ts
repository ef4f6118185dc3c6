/**
 * When each token was last used on this node. Noted in memory at each request, and written to a file of the node at
 * most once a minute, so that it survives a restart. In the replicated table it would cost a commit a minute.
 */
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { messageOf } from '../model/error.js';
import type { Logger } from '../std/logger.js';
import { StateFile } from '../std/state-file.js';

/** Unix ms by id. */
const Schema = Type.Record(Type.String(), Type.Number());

const WRITE_INTERVAL_MS = 60_000;
const TOKENS_MAX = 10_000;

export class TokenUse {
  readonly #file: StateFile<typeof Schema, Record<string, number>> | null;
  readonly #log: Logger;
  readonly #now: () => number;
  /** Unix ms by id. */
  #used = new Map<string, number>();
  #changed = false;
  #timer: NodeJS.Timeout | null = null;

  /** @param options.directory  the node's state directory; null = nothing survives this process */
  constructor(options: { directory: string | null }, modules: { log: Logger; now?: () => number }) {
    this.#log = modules.log;
    this.#file =
      options.directory === null
        ? null
        : new StateFile({
            path: join(options.directory, 'token-use.json'),
            schema: Schema,
            missing: {},
            onDamage: { startOver: modules.log },
          });
    this.#now = modules.now ?? Date.now;
  }

  /** An unreadable file is only logged: it serves `token list` alone. */
  async start(): Promise<void> {
    if (this.#file === null) return;
    try {
      for (const [id, at] of Object.entries(await this.#file.load())) {
        if (!this.#used.has(id)) this.#used.set(id, at);
      }
    } catch (error) {
      this.#log.warn(
        { path: this.#file.path, reason: messageOf(error) },
        'the last uses of tokens are not known',
      );
    }
    this.#timer = setInterval(() => void this.#write(), WRITE_INTERVAL_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    await this.#write();
  }

  note(id: string): void {
    if (this.#used.size >= TOKENS_MAX && !this.#used.has(id)) this.#used.clear();
    this.#used.set(id, this.#now());
    this.#changed = true;
  }

  /** ISO time; null = never on this node. */
  lastUsedAt(id: string): string | null {
    const at = this.#used.get(id);
    return at === undefined ? null : new Date(at).toISOString();
  }

  /** Forgets tokens that are no longer there. */
  keepOnly(ids: ReadonlySet<string>): void {
    this.#used = new Map([...this.#used].filter(([id]) => ids.has(id)));
  }

  async #write(): Promise<void> {
    if (!this.#changed || this.#file === null) return;
    this.#changed = false;
    try {
      await this.#file.save(Object.fromEntries(this.#used));
    } catch (error) {
      this.#log.warn(
        { path: this.#file.path, reason: messageOf(error) },
        'the last uses of tokens were not kept',
      );
    }
  }
}

import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { messageOf } from '../model/error.js';
import type { Logger } from '../std/logger.js';
import { StateFile } from '../std/state-file.js';
import type { TokenRecord } from './system-schema.js';

const Schema = Type.Array(
  Type.Object({
    id: Type.String(),
    name: Type.String(),
    role: Type.Union([Type.Literal('read'), Type.Literal('write'), Type.Literal('admin')]),
    hash: Type.String(),
    createdAt: Type.String(),
    expiresAt: Type.Union([Type.String(), Type.Null()]),
    rateLimit: Type.Union([Type.Number(), Type.Null()]),
    previous: Type.Union([Type.Object({ hash: Type.String(), until: Type.String() }), Type.Null()]),
  }),
);

/**
 * The tokens as this node read them last, with hashes only, in a file. So an operator is known to a node that was restarted and
 * whose server may not start before the operator has said something: `skein status`, `skein promote --force`.
 */
export class TokenCopy {
  readonly #file: StateFile<typeof Schema, null>;
  readonly #log: Logger;
  #saved = '';

  constructor(options: { directory: string }, modules: { log: Logger }) {
    this.#log = modules.log;
    this.#file = new StateFile({
      path: join(options.directory, 'tokens.json'),
      schema: Schema,
      missing: null,
      onDamage: { startOver: modules.log },
      mode: 0o600,
    });
  }

  /** Null = there is none. Never rejects. */
  async load(): Promise<readonly TokenRecord[] | null> {
    try {
      return await this.#file.load();
    } catch (error) {
      this.#failed(error, 'the copy of the tokens cannot be read');
      return null;
    }
  }

  /** Writes only what has changed. Never rejects. */
  async save(records: readonly TokenRecord[]): Promise<void> {
    const text = JSON.stringify(records);
    if (text === this.#saved) return;
    this.#saved = text;
    try {
      await this.#file.save([...records]);
    } catch (error) {
      this.#failed(error, 'the copy of the tokens cannot be written');
    }
  }

  #failed(error: unknown, what: string): void {
    this.#log.warn({ path: this.#file.path, reason: messageOf(error) }, what);
  }
}

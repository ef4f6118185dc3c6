import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Chain } from '../model/chain.js';
import { SkeinError } from '../model/error.js';
import { readFileIfThere, writeFileDurably } from '../std/durable-file.js';

const Schema = Type.Array(
  Type.Object({
    epoch: Type.Integer({ minimum: 1 }),
    beginsAfter: Type.Object({
      epoch: Type.Integer({ minimum: 0 }),
      ordinal: Type.Integer({ minimum: 0 }),
      gtid: Type.String(),
    }),
  }),
);

/** The chain as this node knows it, kept for ever in its own fsynced file (rule H2). */
export class ChainFile {
  readonly #path: string;
  #chain: Chain = [];

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'chain.json');
  }

  get chain(): Chain {
    return this.#chain;
  }

  /** @throws SkeinError CHAIN_UNREADABLE */
  async load(): Promise<void> {
    const text = await readFileIfThere(this.#path);
    if (text === null) return;
    const value = parse(text);
    if (!Value.Check(Schema, value)) {
      throw new SkeinError(
        'CHAIN_UNREADABLE',
        `${this.#path} is not a list of epochs. Restore it from another node of this cluster (it is the same on all).`,
      );
    }
    this.#chain = value;
  }

  /** Resolves when it is on the disk. */
  async save(chain: Chain): Promise<void> {
    await writeFileDurably(this.#path, `${JSON.stringify(chain)}\n`);
    this.#chain = chain;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
